"""kill -9 in the middle of an export, run it again: the same bytes as an undisturbed run, and an unharmed source."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noisette.data.exports import Link
from noisette.pipeline.exporting.dataset import export_dataset
from noisette.scores.curation import CurationRule
from tests.pipeline.exporting.pictures import ROWS, SOURCE, contents, make_pictures, make_workspace, tree
from tests.pipeline.killed import MOMENTS

SCRIPT = Path(__file__).parents[1] / "killed.py"


def noisette(kill_at: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(kill_at), *[str(argument) for argument in arguments]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


KILLS: list[tuple[str, Link, float]] = [
    ("webdataset", "copy", 0.6),
    ("parquet", "copy", 0.7),
    ("huggingface", "copy", 0.7),
    ("filelist", "copy", 0.5),
    ("imagefolder", "copy", 0.4),
    ("imagefolder", "sym", 0.6),
    ("imagefolder", "hard", 0.5),
    ("webdataset", "copy", -4),  # before the former export is moved away
    ("filelist", "copy", -3),  # before the new one takes its place
    ("imagefolder", "sym", 0),  # while the former one is marked to be deleted
]
"""Format, link, and when: as a share of the moments, or so many moments before the last."""


def count_moments(patched: pytest.MonkeyPatch) -> list[str]:
    """Note the moments that the script would count, for an export in this process; give the list that they go to."""
    counted: list[str] = []

    def counting(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any, **options: Any) -> Any:
            counted.append(name)
            return act(*arguments, **options)

        return count

    for name in MOMENTS:
        patched.setattr(os, name, counting(name, getattr(os, name)))
    return counted


@pytest.mark.slow
@pytest.mark.parametrize(("name", "link", "when"), KILLS)
def test_export_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, link: Link, when: float) -> None:
    source, whole, out = tmp_path / "pictures", tmp_path / "whole", tmp_path / "out"
    make_pictures(source, ROWS)
    workspace = make_workspace(tmp_path / "w", source)
    for path in (whole, out):
        export_dataset(workspace, path, "webdataset", CurationRule(drop_below=0.0), verifier=SOURCE)
    former, before = contents(out), tree(source)
    with monkeypatch.context() as patched:
        counted = count_moments(patched)
        export_dataset(workspace, whole, name, verifier=SOURCE, link=link)
    kill_at = round(len(counted) * when) if when > 0 else len(counted) + int(when)
    options = ["--as", name, "--verifier", SOURCE, "-w", workspace.root]
    options += ["--link", link] if name == "imagefolder" else []
    killed = noisette(kill_at, "export", out, *options)
    assert killed.returncode < 0, killed.stdout + killed.stderr
    if when == 0:
        assert contents(out) == contents(whole)
    else:
        assert contents(out) == ({} if when == -3 else former)
    export_dataset(workspace, out, name, verifier=SOURCE, link=link)
    assert contents(out) == contents(whole)
    assert tree(source) == before
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out"]
