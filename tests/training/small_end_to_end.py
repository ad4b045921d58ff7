"""Points in classes, 40 % of them under a wrong label, some of which are verified; a network that learns them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

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
