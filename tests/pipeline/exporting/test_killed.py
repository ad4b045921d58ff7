"""kill -9 in the middle of an export, run it again: the same bytes as an undisturbed run, and an unharmed source."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.exporting.pictures import ROWS, SOURCE, contents, make_pictures, make_workspace, tree

SCRIPT = Path(__file__).parents[1] / "killed.py"


def noisette(kill_at: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(kill_at), *[str(argument) for argument in arguments]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "link"), [("webdataset", None), ("imagefolder", "hard")])
def test_export_is_killed(tmp_path: Path, name: str, link: str | None) -> None:
    source, whole = tmp_path / "pictures", tmp_path / "whole"
    make_pictures(source, ROWS)
    workspace = make_workspace(tmp_path / "w", source)
    options = ["--as", name, "--verifier", SOURCE, "-w", workspace.root, "--json"]
    options += ["--link", link] if link else []
    before = tree(source)
    done = noisette(0, "export", whole, *options)
    assert done.returncode == 0, done.stderr
    *lines, flushes = done.stdout.splitlines()
    assert json.loads("\n".join(lines))["totals"]["written"] == 7
    for kill_at in (int(flushes) // 2, int(flushes)):
        out = tmp_path / f"killed{kill_at}"
        assert noisette(kill_at, "export", out, *options).returncode != 0
        assert not out.exists()
        again = noisette(0, "export", out, *options)
        assert again.returncode == 0, again.stderr
        assert contents(out) == contents(whole)
        assert tree(source) == before
        assert not out.with_name(f"{out.name}.partial").exists()
