"""kill -9 in the middle of any step, run it again: the same bytes as an undisturbed run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from noisette.pipeline.settings import Settings, write_settings
from noisette.pipeline.workspace import SETTINGS_FILE, Workspace
from tests.pipeline.conftest import Files

SCRIPT = Path(__file__).with_name("killed.py")
SAMPLED = 4  # kills a step here; `benchmarks/killed.py` tries every flush of every step


def noisette(kill_at: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(kill_at), *[str(argument) for argument in arguments]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def contents(root: Path) -> dict[str, bytes]:
    """Every file but the decisions, whose times differ, and settings aside from where they lie."""
    paths = sorted(path for path in root.rglob("*") if path.is_file() and "reviews.sqlite" not in path.name)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def assert_same(root: Path, whole: Path) -> None:
    found, expected = contents(root), contents(whole)
    different = [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]
    assert different == []


def spread(flushes: int) -> list[int]:
    return sorted({1 + round(i * (flushes - 1) / (SAMPLED - 1)) for i in range(SAMPLED)})


def test_init_is_killed(files: Files, tmp_path: Path) -> None:
    sources = ["--features", files.features, "--labels", files.labels, "--verified", files.verified, "--title", "t"]
    whole = noisette(0, "init", tmp_path / "whole", *sources)
    assert whole.returncode == 0, whole.stderr
    # With the last flush the settings are in their place, and the workspace is finished.
    for kill_at in spread(int(whole.stdout.splitlines()[-1]) - 1):
        root = tmp_path / f"killed{kill_at}"
        assert noisette(kill_at, "init", root, *sources).returncode != 0
        again = noisette(0, "init", root, *sources)
        assert again.returncode == 0, again.stderr
        assert_same(root, tmp_path / "whole")


@pytest.mark.slow
def test_run_is_killed(workspace: Workspace, tmp_path: Path) -> None:
    settings = Settings().with_options(
        detect={"candidates": ("average", "filtering", "cleannet"), "num_steps": 3},
        references={"num_references": 4},
    )
    write_settings(workspace.root / SETTINGS_FILE, settings)
    shutil.copytree(workspace.root, tmp_path / "whole")
    whole = noisette(0, "run", "-w", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    for kill_at in spread(int(whole.stdout.splitlines()[-1])):
        root = tmp_path / f"killed{kill_at}"
        shutil.copytree(workspace.root, root)
        assert noisette(kill_at, "run", "-w", root).returncode != 0
        again = noisette(0, "run", "-w", root)
        assert again.returncode == 0, again.stderr
        assert_same(root, tmp_path / "whole")
