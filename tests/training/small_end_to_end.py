"""Points in classes, 40 % of them under a wrong label, some of which are verified; a network that learns them.

``torchrun small_end_to_end.py FOLDER`` trains it in several processes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from noisette.training import TrainingRecipe, train_end_to_end
from noisette.types import IntArray

FEATURES, HIDDEN = 12, 16


class Made(NamedTuple):
    data: TensorDataset
    true: IntArray
    given: IntArray
    verification: IntArray


def made(size: int = 40, classes: int = 3, *, verified_classes: int = 1, each: int = 6, seed: int = 0) -> Made:
    """`each` samples of the first `verified_classes` given labels are verified."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, FEATURES))
    true = rng.permutation(np.arange(size) % classes)
    x = centres[true] + 0.6 * rng.normal(size=(size, FEATURES))
    is_wrong = rng.random(size) < 0.4
    given = np.where(is_wrong, (true + rng.integers(1, classes, size=size)) % classes, true)
    verification = np.full(size, -1)
    for label in range(verified_classes):
        rows = np.flatnonzero(given == label)[:each]
        verification[rows] = (given == true)[rows]
    return Made(TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(given)), true, given, verification)


def network(classes: int = 3) -> nn.Sequential:
    """The same one at each call; its features have both signs."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return nn.Sequential(
            nn.Linear(FEATURES, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.1), nn.Linear(HIDDEN, classes),
        )  # fmt: skip


def state_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def _main(folder: Path) -> None:
    """Train as one of several processes that torchrun has started; keep what this one came to."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    data = made()
    done = train_end_to_end(
        network(), data.data, verification_labels=data.verification, num_references=4, refresh_steps=3,
        verified_per_step=3, recipe=TrainingRecipe(epochs=3, batch_size=8, learning_rate=0.02), validation=data.data,
        folder=folder, checkpoint_steps=2,
    )  # fmt: skip
    losses = torch.tensor([[record.loss, *record.terms.values()] for record in done.history], dtype=torch.float64)
    rank = torch.distributed.get_rank()
    save_file(state_of(done.network) | {"history": losses}, folder / f"result{rank}.safetensors")
    torch.distributed.barrier()
    # To take a gloo group down is to join its threads with the interpreter's lock in hand, which one may want.
    os._exit(0)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
