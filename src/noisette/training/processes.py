"""What the processes of a distributed training have to agree on; with one process, nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from noisette.errors import DataFileError, NoisetteError
from noisette.features.extraction import usable_device
from noisette.training.checkpoints import CHECKPOINT, Position


def join_processes(device: str = "auto") -> str:
    """Join the processes that ``torchrun`` has started, if it has; give the device of this one.

    Processes on CPUs talk by gloo, those on GPUs by nccl, each on the GPU of its number on the machine.

    Args:
        device: "auto" = a GPU where there is one.

    Raises:
        InvalidInputError: torch cannot use the device, or there are fewer GPUs than processes.
    """
    found = usable_device(device)
    if num_started() == 1:
        return str(found)
    if found.type != "cuda":
        torch.distributed.init_process_group("gloo")
        return str(found)
    found = usable_device(f"cuda:{os.environ['LOCAL_RANK']}")
    torch.cuda.set_device(found)
    torch.distributed.init_process_group("nccl")
    return str(found)


def num_started() -> int:
    """Give the number of processes that ``torchrun`` has started; 1 where it was not used."""
    return int(os.environ.get("WORLD_SIZE", "1"))


class FirstProcessFailedError(NoisetteError):
    """Raised in all other processes where the first one failed, which says why."""


@contextmanager
def first_goes_first() -> Iterator[bool]:
    """Let the first process through a block while the others wait, however long it takes; then let them through.

    Yields:
        True in the first process, False in the others.

    Raises:
        FirstProcessFailedError: in the others, where an error left the block in the first one.
    """
    rank, size = this_process()
    if size == 1:
        yield True
        return
    # Of its own, since others give up after minutes; on CPUs, since those who wait should not keep a GPU busy.
    group = torch.distributed.new_group(backend="gloo", timeout=timedelta(days=30))
    told: list[Any] = ["an error that has no words"]
    if rank:
        torch.distributed.broadcast_object_list(told, 0, group)
        if told[0] is not None:
            raise FirstProcessFailedError(f"the first process failed: {told[0]}")
        yield False
        return
    try:
        yield True
        told = [None]
    except BaseException as error:
        told = [str(error) or type(error).__name__]
        raise
    finally:
        torch.distributed.broadcast_object_list(told, 0, group)


def leave_processes() -> None:
    """End this process when all others have come as far; do nothing in one that is alone.

    It ends at once: to take a gloo group down is to join its threads with the interpreter's lock in hand, which one of
    them may be waiting for.
    """
    if this_process()[1] == 1:
        return
    torch.distributed.barrier()
    end_at_once(0)


def end_at_once(code: int) -> None:
    """End this process with an exit code, leaving only what has been printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def this_process() -> tuple[int, int]:
    """Give the number of this process and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def share_buffers(modules: Iterable[nn.Module]) -> None:
    """Give every process the first one's buffers: the statistics of batch norms are of a process's own samples."""
    if this_process()[1] > 1:
        for module in modules:
            for buffer in module.buffers():
                torch.distributed.broadcast(buffer, 0)


def mean_over_processes(value: Tensor) -> float:
    """Give the mean of a number over processes, the same in each, so that an error is raised in all or in none."""
    size = this_process()[1]
    if size == 1:
        return float(value)
    total = value.clone()
    torch.distributed.all_reduce(total)
    return float(total) / size


def is_same_everywhere(value: object) -> bool:
    """Tell, in every process the same, whether all have an equal value."""
    size = this_process()[1]
    if size == 1:
        return True
    values: list[object] = [None] * size
    torch.distributed.all_gather_object(values, value)
    return all(other == values[0] for other in values)


def check_same_start(position: Position, folder: Path) -> None:
    """Find out that a process does not see the checkpoint, before all wait for each other for ever.

    Raises:
        DataFileError: processes would start at different steps.
    """
    rank, size = this_process()
    if size == 1:
        return
    starts: list[tuple[int, int] | None] = [None] * size
    torch.distributed.all_gather_object(starts, (position.epoch, position.step))
    if len(set(starts)) > 1:
        other = next(index for index, start in enumerate(starts) if start != starts[0])
        raise DataFileError(
            folder / CHECKPOINT,
            f"process {rank} found epoch {position.epoch}, step {position.step}, but process 0 found {starts[0]} and "
            f"process {other} {starts[other]}; `folder` must be one that all processes see",
        )
