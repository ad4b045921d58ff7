from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from noisette.errors import InvalidInputError
from noisette.features import load_backbone, weight_hash
from noisette.features.timm_import import import_timm


def test_a_timm_model_with_weights_from_a_file(tmp_path: Path) -> None:
    timm = import_timm()
    model = timm.create_model("resnet18", num_classes=5)
    path = tmp_path / "weights.safetensors"
    save_file(model.state_dict(), path)
    backbone = load_backbone("resnet18", weights=path)
    assert torch.equal(backbone.model.get_parameter("conv1.weight"), model.conv1.weight)
    assert backbone.mean == (0.485, 0.456, 0.406)
    assert backbone.settings["input_size"] == "(3, 224, 224)"
    found = backbone.transform(Image.new("RGB", (300, 200), "red"))
    assert found.shape == (3, 224, 224)
    assert found.dtype == torch.uint8
    assert backbone.about()["weights"] == weight_hash(backbone.model)


def test_the_size_of_pictures_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(import_timm().create_model("resnet18", num_classes=0).state_dict(), path)
    backbone = load_backbone("resnet18", weights=path, image_size=64)
    assert backbone.transform(Image.new("RGB", (300, 200))).shape == (3, 64, 64)


def test_a_very_long_picture_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(import_timm().create_model("resnet18", num_classes=0).state_dict(), path)
    backbone = load_backbone("resnet18", weights=path)
    long = Image.new("RGB", (3, 60_000), "blue")
    assert torch.equal(backbone.transform(long), backbone.transform(Image.new("RGB", (3, 3), "blue")))


def test_position_embeddings_are_fitted_to_another_size_as_timm_does(tmp_path: Path) -> None:
    path = tmp_path / "vit.safetensors"
    save_file(import_timm().create_model("vit_tiny_patch16_224", num_classes=3).state_dict(), path)
    backbone = load_backbone("vit_tiny_patch16_224", weights=path, image_size=160)
    assert backbone.model.get_parameter("pos_embed").shape == (1, 101, 192)
    assert backbone.transform(Image.new("RGB", (300, 200))).shape == (3, 160, 160)


def test_an_unknown_model_gets_a_hint() -> None:
    with pytest.raises(InvalidInputError, match=r"got 'resnet5'; did you mean .*resnet50"):
        load_backbone("resnet5")


def test_weights_that_cannot_be_fetched_are_named_with_their_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError("no network\nand much more")

    monkeypatch.setattr(import_timm(), "create_model", refuse)
    words = (
        r"the weights of resnet18\.a1_in1k cannot be loaded \(no network\); without a network, fetch a file of them "
        r"from https://huggingface\.co/timm/resnet18\.a1_in1k elsewhere and give it to `noisette embed --weights FILE`"
    )
    with pytest.raises(InvalidInputError, match=words):
        load_backbone("resnet18.a1_in1k")
