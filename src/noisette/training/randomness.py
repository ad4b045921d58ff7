"""Randomness that belongs to a step or a sample, so that a training that was stopped draws what it would have drawn."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from noisette.types import IntArray

_MASK = (1 << 63) - 1
_WORD = (1 << 32) - 1
_ODD, _OTHER_ODD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)


def derived_seed(seed: int, *numbers: int) -> int:
    """Give a seed of its own for, say, (epoch, sample): far apart even where the numbers are near.

    Args:
        seed: in 0..2^64 - 1, as are the numbers.
        numbers: any number of them; (1,) and (1, 0) give different seeds.

    Example:
        >>> derived_seed(0, 1, 2) == derived_seed(0, 1, 2), derived_seed(0, 1, 2) == derived_seed(0, 2, 1)
        (True, False)
    """
    # SeedSequence fills up with zeros, and takes as many words for a number as it needs: alone, (1,) would be (1, 0).
    words = [word for number in (len(numbers), seed, *numbers) for word in (number & _WORD, number >> 32)]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0]) & _MASK


def scattered_seeds(seed: int, rows: IntArray | npt.NDArray[np.int32], places: IntArray) -> IntArray:
    """Give a seed for each sample: its row, and its place, for a row may be drawn twice in an epoch."""
    mixed = rows.astype(np.uint64) * _ODD + places.astype(np.uint64) * _OTHER_ODD + np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # the finisher of SplitMix64
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) & np.uint64(_MASK)).astype(np.int64)


@contextmanager
def own_randomness() -> Iterator[None]:
    """Leave the global generators of Python, NumPy and torch as they were, whatever augmentations and dropout draw.

    Those draw from the global generators, which therefore have to be seeded for a step to be repeatable.
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002


def seed_everything(seed: int, device: torch.device | None = None) -> None:
    """Seed what augmentations and layers draw from; only within `own_randomness` or a loader's worker process.

    `torch.manual_seed` asks after every kind of accelerator, which takes as long as ten small samples.
    """
    random.seed(seed)
    np.random.seed(seed & _WORD)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)
    if device is not None and device.type != "cpu":
        torch.manual_seed(seed)
