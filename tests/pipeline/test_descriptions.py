"""What stands of an earlier version of the package is made anew, not read wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from noisette.pipeline import descriptions
from noisette.pipeline.detect import detect
from noisette.verifier import saving
from tests.pipeline.duplicated import make_data


def test_a_verifier_of_an_older_format_is_fitted_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_data().write(tmp_path / "w")
    with monkeypatch.context() as before:
        before.setattr(descriptions, "FORMAT", 1)
        before.setattr(saving, "FORMAT", 1)
        about = workspace.verifier(detect(workspace).chosen) / "verifier.json"
    assert json.loads(about.read_text(encoding="utf-8"))["format"] == 1
    detect(workspace)
    assert json.loads(about.read_text(encoding="utf-8"))["format"] == saving.FORMAT > 1
