"""Training batches in an order that follows from the seed and the epoch alone, on any number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

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
        if len(sample) not in (2, 3):
            raise InvalidInputError(f"`train` must give (x, y) or (x, y, w), got {len(sample)} things in sample {row}")
        return sample if len(sample) == 3 else (*sample, 1.0)


class TrainingBatches:
    """Epochs of batches.

    Args:
        dataset: map-style, of (x, y) or (x, y, w).
        recipe: sizes and how samples are drawn.
        seed: all order follows from it.
        labels: (N,) class ids, for balanced sampling.
        weights: (N,) weights, for weighted sampling.
        rank: this process of `world_size`; each gets every `world_size`-th sample, so that the batches of a step are,
            together, one of one process with batches `world_size` times as large.
        world_size: number of processes.
        pin_memory: for a GPU.
        extra: indices of the data set, which may lie beyond its length, of which each batch of each process gets
            `extra_size` at its end, drawn anew for each step.
        extra_size: how many.

    An epoch holds its order in memory, 4 bytes a sample.

    Raises:
        InvalidInputError: there is no sample, the data set is not map-style, or what the sampling needs is not there.
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
        extra: IntArray | None = None,
        extra_size: int = 0,
    ) -> None:
        self.size = map_style_size(dataset, "train")
        self.recipe, self.seed, self.rank, self.world_size = recipe, seed, rank, world_size
        self._dataset, self._pin_memory = SeededSamples(dataset), pin_memory
        self._extra, self._extra_size = extra, extra_size
        self._chances = _chances(recipe, self.size, labels, weights)
        # An incomplete batch at the end would pull as hard as a full one; it is left out where there is another.
        self.steps = max(1, self.size // (recipe.batch_size * world_size))

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch from `first_step` on.

        Raises:
            InvalidInputError: a weight is negative or not finite.
        """
        seed = derived_seed(self.seed, epoch)
        tasks = _Tasks(self._places_and_rows(epoch), seed, self.recipe.batch_size, first_step, self.steps)
        loader: DataLoader[Any] = DataLoader(
            self._dataset,
            batch_sampler=tasks
            if self._extra is None
            else _WithExtra(tasks, seed, self.rank, self._extra, self._extra_size),
            num_workers=self.recipe.num_workers,
            pin_memory=self._pin_memory,
            # The loader draws a seed for its workers; ours are those of the samples.
            generator=torch.Generator().manual_seed(seed),
        )
        for images, labels, weights in loader:
            if not bool((torch.isfinite(weights) & (weights >= 0)).all()):
                raise InvalidInputError(f"weights of `train` must be numbers of at least 0, got {weights.tolist()}")
            yield images, labels, weights.float()

    def _places_and_rows(self, epoch: int) -> tuple[range, IntArray]:
        order = self._order(epoch)
        if self.size < self.recipe.batch_size * self.world_size:  # every process needs as many samples as the others
            order = np.resize(order, -(-self.size // self.world_size) * self.world_size)
        return range(self.rank, len(order), self.world_size), order[self.rank :: self.world_size]

    def _order(self, epoch: int) -> IntArray:
        rng = np.random.default_rng(derived_seed(self.seed, epoch))
        kind = np.int32 if self.size <= np.iinfo(np.int32).max else np.int64
        if self._chances is not None:
            return rng.choice(self.size, size=self.size, p=self._chances).astype(kind)
        order: IntArray = np.arange(self.size, dtype=kind)
        rng.shuffle(order)
        return order


class _Tasks(Sampler[list[tuple[int, int]]]):
    """Batches of (row, seed); a sample's place in the epoch is that among all processes."""

    def __init__(self, places_and_rows: tuple[range, IntArray], seed: int, size: int, first: int, end: int) -> None:
        self._places, self._rows = places_and_rows
        self._seed, self._size, self.steps = seed, size, range(first, end)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in self.steps:
            batch = slice(step * self._size, (step + 1) * self._size)
            rows, places = self._rows[batch], np.array(self._places[batch])
            yield list(zip(rows.tolist(), scattered_seeds(self._seed, rows, places).tolist(), strict=True))


class _WithExtra(Sampler[list[tuple[int, int]]]):
    """Batches of tasks with further ones at their end, which follow from the epoch's seed, the step and the process."""

    def __init__(self, tasks: _Tasks, seed: int, rank: int, extra: IntArray, size: int) -> None:
        self._tasks, self._seed, self._rank, self._extra, self._size = tasks, seed, rank, extra, size

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step, batch in zip(self._tasks.steps, self._tasks, strict=True):
            seed = derived_seed(self._seed, step, self._rank)
            rows = np.resize(np.random.default_rng(seed).permutation(self._extra), self._size)
            seeds = scattered_seeds(seed, rows, np.arange(rows.size))
            yield batch + list(zip(rows.tolist(), seeds.tolist(), strict=True))


def map_style_size(dataset: Any, name: str) -> int:
    """Give the number of samples.

    Raises:
        InvalidInputError: there is none, or the data set is a stream.
    """
    if isinstance(dataset, IterableDataset) or not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise InvalidInputError(
            f"`{name}` must be a map-style data set, with a length and an index, got {type(dataset).__name__}; a "
            "stream can be neither shuffled nor resumed"
        )
    if len(dataset) == 0:
        raise InvalidInputError(f"`{name}` holds no sample; give one that does")
    return len(dataset)


def _chances(
    recipe: TrainingRecipe, size: int, labels: IntArray | None, weights: Float64Array | None
) -> Float64Array | None:
    if recipe.sampling == "shuffle":
        return None
    given, name = (labels, "labels") if recipe.sampling == "balanced" else (weights, "weights")
    if given is None or np.shape(given) != (size,):
        raise InvalidInputError(f"sampling={recipe.sampling!r} needs `{name}`, one a sample of `train` ({size})")
    chance = _one_by_class(np.asarray(given)) if name == "labels" else np.asarray(given, np.float64)
    if not (np.isfinite(chance).all() and (chance >= 0).all() and chance.sum() > 0):
        raise InvalidInputError(f"`{name}` must be at least 0 and not all 0 to sample by")
    found: Float64Array = chance / chance.sum()
    return found


def _one_by_class(labels: IntArray) -> Float64Array:
    if labels.dtype.kind not in "iu" or labels.min() < 0:
        raise InvalidInputError("`labels` must be class ids of at least 0; leave samples without a class out")
    found: Float64Array = 1 / np.bincount(labels)[labels]
    return found
