"""Two processes (gloo, started by torchrun) against one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from noisette.errors import DataFileError
from noisette.training import processes
from noisette.training.checkpoints import Position
from tests.training import small_training
from tests.training.small_training import state_of, train_case

SCRIPT = Path(small_training.__file__)
pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not torch.distributed.is_available(), reason="needs gloo and torchrun"
)


def torchrun(folder: Path, case: str, kill: int = 0) -> int:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, SCRIPT, folder, case, str(kill)], capture_output=True, text=True, timeout=300, check=False
    )
    assert kill or done.returncode == 0, done.stderr
    return done.returncode


def results(folder: Path) -> list[dict[str, Tensor]]:
    return [load_file(folder / f"result{rank}.safetensors") for rank in (0, 1)]


def assert_equal(first: dict[str, Tensor], second: dict[str, Tensor], tolerance: float = 0.0) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=tolerance, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.slow
def test_two_processes_train_as_one_with_batches_twice_as_large(tmp_path: Path) -> None:
    torchrun(tmp_path, "plain")
    first, second = results(tmp_path)
    assert_equal(first, second)
    alone = train_case("plain, twice the batch")
    history = [[record.loss, record.metrics["nll"]] for record in alone.history]
    expected = state_of(alone) | {"history": torch.tensor(history, dtype=torch.float64)}
    assert_equal(expected, first, 1e-6)
    with pytest.raises(DataFileError, match=r"another number of processes \(2, now 1\)"):
        train_case("plain", tmp_path)


@pytest.mark.slow
def test_both_processes_hold_one_model_with_its_statistics_and_average_also_after_a_kill(tmp_path: Path) -> None:
    torchrun(tmp_path / "whole", "sgd")
    whole = results(tmp_path / "whole")
    assert_equal(whole[0], whole[1])
    assert torchrun(tmp_path / "killed", "sgd", kill=6) != 0
    assert (tmp_path / "killed" / "checkpoint.safetensors").exists()
    torchrun(tmp_path / "killed", "sgd")
    for found in results(tmp_path / "killed"):
        assert_equal(whole[0], found)


def test_processes_that_would_start_at_different_steps_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def gather(found: list[object], own: object) -> None:
        found[:] = [own, (0, 0)]

    monkeypatch.setattr(processes, "this_process", lambda: (0, 2))
    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    with pytest.raises(DataFileError, match=r"epoch 1, step 4.*process 1 \(0, 0\); `folder` must be one that all"):
        processes.check_same_start(Position(1, 4), Path("run"))


@pytest.fixture
def as_one_of_two(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, object], list[object]]:
    """Makes this process number `rank` of two, which hears `heard` from the first one; gives what is told to others."""

    def become(rank: int, heard: object = None) -> list[object]:
        told: list[object] = []

        def broadcast(values: list[object], source: int, group: object) -> None:
            assert (source, group) == (0, "group")
            told.append(values[0]) if rank == 0 else values.__setitem__(0, heard)

        monkeypatch.setattr(processes, "this_process", lambda: (rank, 2))
        monkeypatch.setattr(torch.distributed, "new_group", lambda **_: "group")
        monkeypatch.setattr(torch.distributed, "broadcast_object_list", broadcast)
        return told

    return become


def test_the_first_process_lets_the_others_through_when_it_is_done(
    as_one_of_two: Callable[[int, object], list[object]],
) -> None:
    told = as_one_of_two(0, None)
    with processes.first_goes_first() as is_first:
        assert (is_first, told) == (True, [])
    assert told == [None]
    as_one_of_two(1, None)
    with processes.first_goes_first() as is_first:
        assert not is_first


def test_the_others_hear_why_the_first_process_failed(as_one_of_two: Callable[[int, object], list[object]]) -> None:
    told = as_one_of_two(0, None)
    with pytest.raises(ValueError, match="no scores"), processes.first_goes_first():
        raise ValueError("no scores")
    assert told == ["no scores"]
    as_one_of_two(1, "no scores")
    with (
        pytest.raises(processes.FirstProcessFailedError, match="the first process failed: no scores"),
        processes.first_goes_first(),
    ):
        pytest.fail("must not go on")


@pytest.mark.parametrize(("others", "expected"), [({"decisions": 1}, True), ({"decisions": 2}, False)])
def test_processes_find_out_that_they_do_not_know_the_same(
    others: object, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather(found: list[object], own: object) -> None:
        found[:] = [others, own]

    monkeypatch.setattr(processes, "this_process", lambda: (1, 2))
    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    assert processes.is_same_everywhere({"decisions": 1}) is expected


def test_one_process_has_nothing_to_agree_on() -> None:
    assert processes.is_same_everywhere("anything")
    assert processes.this_process() == (0, 1)
    assert processes.mean_over_processes(torch.tensor(2.5, dtype=torch.float64)) == 2.5
    processes.share_buffers([torch.nn.BatchNorm2d(2)])
    processes.check_same_start(Position(), Path("run"))
    processes.leave_processes()
    assert processes.join_processes("cpu") == "cpu"
    with processes.first_goes_first() as is_first:
        assert is_first
