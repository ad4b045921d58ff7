from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from noisette.errors import DataFileError, InvalidInputError
from noisette.features import load_backbone

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

def needs(x):
    return x
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / f"net_{tmp_path.name}.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_a_file_with_the_name_of_another_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text(SOURCE, encoding="utf-8")
    with pytest.raises(DataFileError, match=r"has the name of a module that is imported already \(json\); rename"):
        load_backbone(f"{tmp_path / 'json.py'}:make")


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
        ("{source}:Net.forward", "timm knows"),
        ("{source}:needs", r"needs failed: TypeError: needs\(\) missing 1 required positional argument: 'x'"),
        ("{source}", r"name the function in it that makes the network: .*\.py:make"),
    ],
)
def test_what_is_no_model_is_named(name: str, words: str, source: Path) -> None:
    with pytest.raises((InvalidInputError, DataFileError), match=words):
        load_backbone(name.format(source=source))
    sys.modules.pop(source.stem, None)


def test_a_file_that_imports_torchvision_works_beside_a_torch_without_its_operators(tmp_path: Path) -> None:
    code = "import torchvision\nfrom torch import nn\n\ndef make():\n    return nn.Identity()\n"
    (tmp_path / "vision_net.py").write_text(code, encoding="utf-8")
    name = str(tmp_path / "vision_net.py") + ":make"
    code = f"from noisette.features import load_backbone; print(load_backbone({name!r}).name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "vision_net.py:make\n", done.stderr
