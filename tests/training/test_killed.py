"""A training is killed with signal 9 while it runs, and started again."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.training import small_training

SCRIPT = Path(small_training.__file__)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signal 9 is of POSIX systems")


def run(folder: Path, case: str, kill: int = 0) -> int:
    """Give the exit status of a process; -9 for a killed one."""
    command = [sys.executable, str(SCRIPT), str(folder), case, str(kill)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, -9), done.stderr
    return done.returncode


def result_of(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "result0.safetensors")


def assert_undisturbed(folder: Path, case: str) -> None:
    # In a process of its own as well: a sum over another number of threads may round otherwise.
    undisturbed = folder / "undisturbed"
    undisturbed.mkdir()
    assert run(undisturbed, case) == 0
    found, expected = result_of(folder), result_of(undisturbed)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "kills"),
    [
        # Moments of a checkpoint after two steps: step, step, flush, rename, flush of the folder.
        ("sgd", [3, 5]),  # before the first checkpoint lies in its place, and before the folder is flushed
        ("adamw", [7]),
        ("workers", [8]),
    ],
)
def test_a_training_that_is_killed_ends_as_an_undisturbed_one(case: str, kills: list[int], tmp_path: Path) -> None:
    for kill in kills:
        assert run(tmp_path, case, kill) == -9
    assert run(tmp_path, case) == 0
    assert_undisturbed(tmp_path, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["sgd", "workers"])
def test_a_training_that_is_killed_from_outside_ends_as_an_undisturbed_one(case: str, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, SCRIPT, tmp_path, case, "0"]) as process:
        while process.poll() is None and not (tmp_path / "checkpoint.safetensors").exists():
            time.sleep(0.002)
        process.kill()
    assert run(tmp_path, case) == 0
    assert_undisturbed(tmp_path, case)
