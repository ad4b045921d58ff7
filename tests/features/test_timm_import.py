from __future__ import annotations

import subprocess
import sys

import pytest

from noisette.errors import MissingExtraError
from noisette.features import timm_import
from noisette.features.timm_import import import_timm


def test_timm_is_imported_and_makes_models() -> None:
    timm = import_timm()
    assert import_timm() is timm
    assert timm.is_model("resnet18")


def test_a_torchvision_without_operators_is_helped_in_a_fresh_interpreter() -> None:
    code = (
        "import noisette.features.timm_import as t; timm = t.import_timm(); "
        "m = timm.create_model('resnet18', pretrained=False); print(sum(p.numel() for p in m.parameters()))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "11689512"


def failing(*errors: Exception) -> object:
    waiting = list(errors)

    def fail(_name: str) -> None:
        raise waiting.pop(0)

    return fail


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ([ImportError("No module named 'timm'")], r"need timm and torchvision \(No module named 'timm'\); pip install"),
        ([RuntimeError("something else")], r"timm cannot be imported \(something else\); torch .* do not fit"),
        (
            [RuntimeError("operator torchvision::nms does not exist"), RuntimeError("operator torchvision::x")],
            r"timm cannot be imported \(operator torchvision::x\)",
        ),
    ],
)
def test_what_cannot_be_helped_is_explained(
    errors: list[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.import_module", failing(*errors))
    monkeypatch.setattr(timm_import, "_forget_half_imported", lambda: None)
    with pytest.raises(MissingExtraError, match=words):
        import_timm()
