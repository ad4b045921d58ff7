from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from noisette.errors import DataFileError
from noisette.training import ModelFolder, read_model_folder, write_model_folder

ABOUT = ModelFolder(backbone="resnet18", class_names=("crème", "b"), image_size=64, layer="fc")


def test_a_classifier_comes_back(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    write_model_folder(tmp_path / "m", model, ABOUT)
    found = read_model_folder(tmp_path / "m")
    assert (found.backbone, found.class_names, found.image_size, found.layer) == ("resnet18", ("crème", "b"), 64, "fc")
    assert torch.equal(load_file(found.weights)["weight"], model.weight)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    for name in ("a", "b"):
        write_model_folder(tmp_path / name, model, ABOUT)
    for file in ("model.json", "weights.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds no trained classifier"),
        ("{", "model.json: is damaged"),
        ("[]", "model.json: is damaged"),
        ('{"format": 2}', "written by another version"),
        ('{"format": 1, "backbone": "x"}', "model.json: is damaged"),
        ('{"format": 1, "backbone": "x", "class_names": ["a"]}', "weights.safetensors: is missing"),
    ],
)
def test_what_is_no_classifier_is_named(content: str | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "model.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataFileError, match=words):
        read_model_folder(tmp_path)
