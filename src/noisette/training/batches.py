"""Training batches in an order that follows from the seed and the epoch alone, on any number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from noisette.errors import InvalidInputError
from noisette.training.randomness import derived_seed, scattered_seeds, seed_everything
from noisette.training.recipe import TrainingRecipe
from noisette.types import Float64Array, IntArray

Batch = tuple[Tensor, Tensor, Tensor]


class SeededSamples(Dataset[tuple[Any, ...]]):
    """A data set whose index is (row, seed): what augmentations draw belongs to the sample and the epoch."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, task: tuple[int, int]) -> tuple[Any, ...]:
        """Give (x, y, w); w = 1.0 where the data set gives pairs."""
        row, seed = task
        seed_everything(seed)
        sample = tuple(self.dataset[row])
        return sample if len(sample) == 3 else (*sample, 1.0)


class TrainingBatches:
    """Epochs of batches.

    Args:
        dataset: map-style, of (x, y) or (x, y, w).
        recipe: sizes and how samples are drawn.
        seed: all order follows from it.
        labels: (N,) class ids, for balanced sampling.
        weights: (N,) weights, for weighted sampling.
        rank: this process of `world_size`; each gets every `world_size`-th sample.
        world_size: number of processes.
        pin_memory: for a GPU.

    Raises:
        InvalidInputError: there is no sample, or what the sampling needs is not there.
    """

    def __init__(
        self,
        dataset: Any,
        recipe: TrainingRecipe,
        seed: int,
        *,
        labels: IntArray | None = None,
        weights: Float64Array | None = None,
        rank: int = 0,
        world_size: int = 1,
        pin_memory: bool = False,
    ) -> None:
        self.size, self.recipe, self.seed, self.rank, self.world_size = len(dataset), recipe, seed, rank, world_size
        if self.size == 0:
            raise InvalidInputError("`train` holds no sample; nothing can be learned from it")
        self._dataset, self._pin_memory = SeededSamples(dataset), pin_memory
        self._chances = _chances(recipe, self.size, labels, weights)
        share = -(-self.size // world_size)
        # An incomplete batch at the end would pull as hard as a full one; it is left out where there is another.
        self.steps = max(1, share // recipe.batch_size)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from `first_step` on."""
        loader: DataLoader[Any] = DataLoader(
            self._dataset,
            batch_sampler=_Tasks(
                self._rows(epoch), derived_seed(self.seed, epoch), self.recipe.batch_size, range(first_step, self.steps)
            ),
            num_workers=self.recipe.num_workers,
            pin_memory=self._pin_memory,
            # The loader draws a seed for its workers; ours are those of the samples.
            generator=torch.Generator().manual_seed(derived_seed(self.seed, epoch)),
        )
        for images, labels, weights in loader:
            yield images, labels, weights.float()

    def _rows(self, epoch: int) -> IntArray:
        share = -(-self.size // self.world_size)
        padded = np.resize(self._order(epoch), share * self.world_size)  # every process takes as many steps
        return padded[self.rank :: self.world_size]

    def _order(self, epoch: int) -> IntArray:
        rng = np.random.default_rng(derived_seed(self.seed, epoch))
        if self._chances is None:
            return rng.permutation(self.size)
        return rng.choice(self.size, size=self.size, p=self._chances)


class _Tasks(Sampler[list[tuple[int, int]]]):
    """Batches of (row, seed)."""

    def __init__(self, rows: IntArray, seed: int, batch_size: int, steps: range) -> None:
        self._rows, self._seed, self._size, self._steps = rows, seed, batch_size, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in self._steps:
            places = np.arange(step * self._size, min((step + 1) * self._size, len(self._rows)))
            rows = self._rows[places]
            yield list(zip(rows.tolist(), scattered_seeds(self._seed, rows, places).tolist(), strict=True))


def _chances(
    recipe: TrainingRecipe, size: int, labels: IntArray | None, weights: Float64Array | None
) -> Float64Array | None:
    if recipe.sampling == "shuffle":
        return None
    needed, name = (labels, "labels") if recipe.sampling == "balanced" else (weights, "weights")
    if needed is None or len(needed) != size:
        raise InvalidInputError(f"sampling={recipe.sampling!r} needs `{name}`, one a sample of `train` ({size})")
    chance = 1 / np.bincount(needed)[needed] if recipe.sampling == "balanced" else np.asarray(needed, np.float64)
    if not (np.isfinite(chance).all() and (chance >= 0).all() and chance.sum() > 0):
        raise InvalidInputError(f"`{name}` must be at least 0 and not all 0 to sample by")
    found: Float64Array = chance / chance.sum()
    return found
