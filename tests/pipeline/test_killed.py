"""kill -9 in the middle of any step, run it again: the same bytes as an undisturbed run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.settings import Settings, write_settings
from noisette.pipeline.workspace import SETTINGS_FILE, Workspace
from noisette.store import ParquetTable
from tests.features.pictures import write_broken
from tests.pipeline.conftest import Files
from tests.pipeline.image_data import write_image_folder

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


def start_embedding(root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "noisette", "embed", "-w", str(root), "--num-workers", "2", "--batch-size", "4"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def written_bytes(root: Path) -> int:
    """How far a run over pictures has come, by the size of its journal."""
    return sum(path.stat().st_size for path in root.glob("features/embedded/*.journal"))


@pytest.mark.slow
def test_embed_is_killed_three_times_at_random_and_resumed(tmp_path: Path) -> None:
    pictures = write_image_folder(tmp_path / "pictures", 300)
    write_broken(pictures.root / "leaf" / "0007.png", "truncated")
    write_broken(pictures.root / "sky" / "0100.jpg", "rotated")
    settings = Settings().with_options(embed={"backbone": "pixels:16"})
    for name in ("whole", "killed"):
        create_from_images(tmp_path / name, ImageSource(images=pictures.root), settings)
    assert start_embedding(tmp_path / "whole").wait() == 0
    size = (tmp_path / "whole" / "features" / "embedded" / "part-00000.parquet").stat().st_size
    moments = sorted(np.random.default_rng(0).uniform(0.05, 0.8, 3) * size)
    root, kills = tmp_path / "killed", 0
    for moment in moments:
        process = start_embedding(root)
        while process.poll() is None and written_bytes(root) < moment:
            time.sleep(0.002)
        process.kill()
        kills += process.wait() < 0
    assert kills == 3
    assert 0 < written_bytes(root) < size * 2
    assert start_embedding(root).wait() == 0
    assert_same(root / "features", tmp_path / "whole" / "features")
    keys = ParquetTable(root / "features" / "embedded").read_keys()
    assert keys == [key for key in pictures.keys if key != "leaf/0007.png"]


@pytest.mark.slow
def test_run_is_killed(workspace: Workspace, tmp_path: Path) -> None:
    settings = Settings().with_options(
        detect={"verifier": "auto", "candidates": ("average", "filtering", "cleannet"), "num_steps": 3},
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
