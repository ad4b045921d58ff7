"""What the processes of a distributed training have to agree on; with one process, nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from noisette.errors import DataFileError
from noisette.training.checkpoints import CHECKPOINT, Position


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
