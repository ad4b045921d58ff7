from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from noisette.errors import NoisetteError
from noisette.features import Extractor, extract_features, load_backbone
from tests.features.pictures import write_pictures


def test_too_many_pictures_at_once_for_a_device_are_an_error_with_a_remedy(tmp_path: Path) -> None:
    class Greedy(nn.Module):
        def forward(self, _images: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("tried to allocate 80 GiB")

    paths = [tmp_path / name for name in write_pictures(tmp_path, 3)]
    with pytest.raises(NoisetteError, match=r"3 pictures at once are too many .* 80 GiB\); use a smaller batch size"):
        extract_features(paths, Greedy(), device="cpu")


def test_a_picture_whose_features_are_not_finite_is_a_bad_one(tmp_path: Path) -> None:
    class Brittle(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            means = images.mean((2, 3))
            return torch.where(means[:, :1] > 0, means, torch.nan)

    for name, colour in (("dark", "black"), ("light", "white")):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{name}.png")
    found = extract_features([tmp_path / "dark.png", tmp_path / "light.png"], Brittle(), layer="output")
    assert found.rows.tolist() == [1]
    assert found.bad.counts == {"features not finite": 1}


def test_what_identifies_features_holds_no_path(tmp_path: Path) -> None:
    about = Extractor(load_backbone("pixels"), device="cpu").about
    assert about["backbone"] == "pixels"
    assert about["precision"] == "float32"
    assert str(tmp_path) not in str(about)
