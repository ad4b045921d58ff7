from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from noisette.errors import DataFileError
from noisette.features import load_backbone, weight_hash
from noisette.features.timm_import import import_timm


def test_a_torch_file_with_wrapped_names(tmp_path: Path) -> None:
    model = import_timm().create_model("resnet18", num_classes=0)
    path = tmp_path / "weights.pth"
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, path)
    assert weight_hash(load_backbone("resnet18", weights=path).model) == weight_hash(model)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(import_timm().create_model("resnet34", num_classes=0).state_dict(), path)
    with pytest.raises(DataFileError, match=r"does not fit the model: it also has layer1.2.bn1.bias.* and \d+ more"):
        load_backbone("resnet18", weights=path)


def test_averaged_weights_come_first_as_in_timm(tmp_path: Path) -> None:
    model, averaged = (import_timm().create_model("resnet18", num_classes=0) for _ in range(2))
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": model.state_dict(), "state_dict_ema": averaged.state_dict()}, path)
    assert weight_hash(load_backbone("resnet18", weights=path).model) == weight_hash(averaged)


@pytest.mark.parametrize("content", [[1, 2], 7, {}, {"model": 3}])
def test_a_torch_file_without_weights_is_named(content: object, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(DataFileError, match=r"weights\.pth: holds no weights; save the model's state_dict"):
        load_backbone("resnet18", weights=path)


def test_a_pickle_of_a_whole_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(DataFileError, match="cannot be read without running code that it holds; save its state_dict"):
        load_backbone("resnet18", weights=path)


@pytest.mark.parametrize(("name", "content"), [("w.safetensors", b"junk"), ("w.pth", b"junk"), ("w.pth", b"")])
def test_damaged_weights_are_named(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataFileError, match=name):
        load_backbone("resnet18", weights=tmp_path / name)
