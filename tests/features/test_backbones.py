from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from noisette.errors import DataFileError, InvalidInputError
from noisette.features import ImageTransform, load_backbone, module_backbone, weight_hash
from noisette.features.timm_import import import_timm

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, images):
        return self.fc(self.conv(images).mean((2, 3)))

def make():
    return Net()

def make_both():
    return Net(), lambda picture: torch.zeros(3, 8, 8)

def make_text():
    return "net"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / f"net_{tmp_path.name}.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_pixels_have_no_weights() -> None:
    backbone = load_backbone("pixels:4")
    assert backbone.about()["weights"] == "none"
    assert backbone.transform(Image.new("RGB", (10, 20))).shape == (3, 4, 4)


@pytest.mark.parametrize("name", ["pixels:0", "pixels:x", "pixels:1000", "pixels:²"])
def test_an_impossible_side_is_named(name: str) -> None:
    with pytest.raises(InvalidInputError, match="must be a number from 1 to 512"):
        load_backbone(name)


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


def test_a_torch_file_with_wrapped_names(tmp_path: Path) -> None:
    model = import_timm().create_model("resnet18", num_classes=0)
    path = tmp_path / "weights.pth"
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, path)
    assert weight_hash(load_backbone("resnet18", weights=path).model) == weight_hash(model)


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


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(import_timm().create_model("resnet34", num_classes=0).state_dict(), path)
    with pytest.raises(DataFileError, match=r"does not fit the model: it also has layer1.2.bn1.bias.* and \d+ more"):
        load_backbone("resnet18", weights=path)


def test_position_embeddings_are_fitted_to_another_size_as_timm_does(tmp_path: Path) -> None:
    path = tmp_path / "vit.safetensors"
    save_file(import_timm().create_model("vit_tiny_patch16_224", num_classes=3).state_dict(), path)
    backbone = load_backbone("vit_tiny_patch16_224", weights=path, image_size=160)
    assert backbone.model.get_parameter("pos_embed").shape == (1, 101, 192)
    assert backbone.transform(Image.new("RGB", (300, 200))).shape == (3, 160, 160)


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


def test_a_file_with_the_name_of_another_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text(SOURCE, encoding="utf-8")
    with pytest.raises(DataFileError, match=r"has the name of a module that is imported already \(json\); rename"):
        load_backbone(f"{tmp_path / 'json.py'}:make")


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


def test_an_unknown_model_gets_a_hint() -> None:
    with pytest.raises(InvalidInputError, match=r"got 'resnet5'; did you mean .*resnet50"):
        load_backbone("resnet5")


def test_a_model_of_the_user_from_a_file(source: Path, tmp_path: Path) -> None:
    backbone = load_backbone(f"{source}:make", image_size=40)
    assert backbone.transform(Image.new("RGB", (90, 50))).shape == (3, 40, 40)
    assert backbone.name == f"{source.name}:make"
    path = tmp_path / "own.safetensors"
    save_file({name: torch.full_like(value, 0.5) for name, value in backbone.model.state_dict().items()}, path)
    again = load_backbone(f"{source}:make", weights=path)
    assert again.model.get_parameter("fc.weight").eq(0.5).all()


def test_a_model_with_its_own_transform(source: Path) -> None:
    backbone = load_backbone(f"{source}:make_both")
    assert backbone.transform(Image.new("RGB", (90, 50))).shape == (3, 8, 8)
    with pytest.raises(InvalidInputError, match="comes with a transform of its own"):
        load_backbone(f"{source}:make_both", image_size=8)


def test_a_model_from_a_module_that_is_installed() -> None:
    assert isinstance(load_backbone("torch.nn:Identity").model, nn.Identity)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.py:make", "nowhere.py: does not exist"),
        ("{source}:nothing", "has no function 'nothing'"),
        ("{source}:make_text", "must give a torch.nn.Module, or one and its transform, got str"),
        ("no.such.module:make", "module 'no.such.module' cannot be imported"),
    ],
)
def test_what_is_no_model_is_named(name: str, words: str, source: Path) -> None:
    with pytest.raises((InvalidInputError, DataFileError), match=words):
        load_backbone(name.format(source=source))
    sys.modules.pop(source.stem, None)


def test_the_hash_follows_every_weight() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    before = weight_hash(model)
    assert weight_hash(model) == before
    model[1].get_buffer("running_var").add_(1e-3)
    assert weight_hash(model) != before


def test_a_module_gets_a_transform() -> None:
    backbone = module_backbone(nn.Identity())
    assert backbone.transform == ImageTransform()
    assert backbone.name == "Identity"
    with pytest.raises(InvalidInputError, match=r"must be a torch.nn.Module, got int"):
        module_backbone(3)  # type: ignore[arg-type]
