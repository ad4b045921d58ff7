"""`torchrun --nproc-per-node 2 -m noisette train`, on CPUs."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from noisette.cli import processes
from noisette.cli.console import command
from noisette.errors import InvalidInputError
from noisette.pipeline.workspace import Workspace, keep_settings
from noisette.training import processes as running
from tests.cli.test_commands import noisette
from tests.pipeline.train_data import scored, scored_root

__all__ = ["scored", "scored_root"]
pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not torch.distributed.is_available(), reason="needs gloo and torchrun"
)
NETWORK = "from torch import nn\ndef make():\n    return nn.Sequential(nn.Flatten(), nn.Linear(192, 3))\n"


@pytest.fixture
def without_norm(scored: Workspace) -> Workspace:
    """Nothing of the network knows its own batch, so that two halves of one give what it gives."""
    source = scored.root.parent / "net_without_norm.py"
    source.write_text(NETWORK, encoding="utf-8")
    keep_settings(scored)
    return scored


def train(opened: Workspace, *options: object) -> list[str]:
    source = opened.root.parent / "net_without_norm.py"
    return ["train", "-w", str(opened.root), "--backbone", f"{source}:make", "--num-workers", "0", *map(str, options)]


def torchrun(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "noisette"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300, check=False)


def weights(opened: Workspace, name: str) -> dict[str, torch.Tensor]:
    return load_file(opened.model(name) / "weights.safetensors")


@pytest.mark.slow
def test_two_processes_train_as_one_with_batches_twice_as_large(without_norm: Workspace) -> None:
    two = torchrun(train(without_norm, "--batch-size", 8, "--name", "two"))
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("learned from 60 samples") == 1
    assert two.stdout.count("next: ") == 1
    one = noisette(*train(without_norm, "--batch-size", 16, "--name", "one"))
    assert one.exit_code == 0, one.output
    torch.testing.assert_close(weights(without_norm, "two"), weights(without_norm, "one"), rtol=0, atol=1e-5)
    assert sorted(path.name for path in (without_norm.root / "models").iterdir()) == [
        "one", "one.about.json", "two", "two.about.json",
    ]  # fmt: skip
    again = noisette(*train(without_norm, "--batch-size", 8, "--name", "two"))
    assert "(nothing to do)" in again.stdout


class _Ended(BaseException):
    """Stands for the end of this process."""


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What becomes of a process, without its end: "joined", "waited", "left", "ended with N"."""
    found: list[str] = []

    def end(code: int) -> None:
        found.append(f"ended with {code}")
        raise _Ended

    def join(device: str) -> str:
        found.append("joined")
        return f"{device}:1"

    def leave() -> None:
        found.append("left")
        end(0)

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(running, "join_processes", join)
    monkeypatch.setattr(running, "leave_processes", leave)
    monkeypatch.setattr(running, "end_at_once", end)
    monkeypatch.setattr(time, "sleep", lambda _: found.append("waited"))
    return found


def act(*, device: str, fails: str = "") -> None:
    print("device", device)
    if fails == "bug":
        raise RuntimeError("connection closed by peer")
    if fails:
        raise InvalidInputError(fails)


@pytest.mark.parametrize(
    ("rank", "fails", "steps", "out", "err"),
    [
        (0, "", ["joined", "left", "ended with 0"], "device cpu:1", ""),
        (1, "", ["joined", "left", "ended with 0"], "", ""),
        (0, "no scores", ["joined", "ended with 1"], "device cpu:1", "error: no scores"),
        (1, "no picture", ["joined", "waited", "ended with 1"], "", "error: no picture"),
        (0, "bug", ["joined", "waited", "ended with 1"], "device cpu:1", "connection closed by peer"),
    ],
)
def test_the_first_process_talks_and_the_others_only_of_what_they_alone_met(
    rank: int, fails: str, steps: list[str], out: str, err: str, spoken: list[str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("RANK", str(rank))
    with pytest.raises(_Ended):
        processes.in_every_process(command(act))(device="cpu", fails=fails)
    said = capsys.readouterr()
    assert spoken == steps
    assert said.out.strip() == out
    assert said.err.strip().endswith(err)
    assert bool(said.err) == bool(err)


def test_a_device_that_is_not_there_is_said_once(
    spoken: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def join(device: str) -> str:
        raise InvalidInputError(f"no {device}")

    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(running, "join_processes", join)
    with pytest.raises(_Ended):
        processes.in_every_process(command(act))(device="cuda")
    assert capsys.readouterr().err == "error: no cuda\n"
    assert spoken == ["ended with 1"]


def test_alone_a_command_is_as_it_was(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    processes.in_every_process(command(act))(device="cpu")
    assert capsys.readouterr().out == "device cpu\n"


@pytest.mark.parametrize(
    ("rank", "said", "waits"), [(0, "error: `noisette status` runs in one process", []), (1, "", [3.0])]
)
def test_commands_that_are_not_made_for_several_processes_say_so_once(
    rank: int, said: str, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    for name, value in {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "RANK": str(rank)}.items():
        monkeypatch.setenv(name, value)
    found = noisette("status", "-w", "nowhere")
    assert found.exit_code == 1
    assert found.stderr.startswith(said)
    assert bool(found.stderr) == bool(said)
    assert waited == waits


def test_a_process_that_torchrun_did_not_start_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # as some job systems set it
    assert "nowhere" in noisette("status", "-w", "nowhere").stderr
