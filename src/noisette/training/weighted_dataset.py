"""Any map-style data set of pictures, with the weight of each label beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import ConcatDataset, Dataset, Subset

from noisette.errors import InvalidInputError, ShapeError
from noisette.training.weight_files import read_weights
from noisette.training.weighted_loss import mean_one


class WeightedDataset(Dataset[tuple[Any, ...]]):
    """A data set whose samples (x, y) come as (x, y, w); weights are joined by key, never by position.

    Args:
        dataset: a map-style data set. Its keys are the paths of its files relative to its root, with ``/``, as in a
            workspace: those of `torchvision.datasets.ImageFolder` and of all that have `samples` and `root`, of a
            `Subset` or a `ConcatDataset` of such; else give `keys`.
        weights: key -> weight >= 0; or a file of them, scores or an export (see `read_weights`).
        keys: (N,) key of each sample, for other data sets.
        missing: weight of samples that `weights` does not name; None = an error.
        normalize: scale the weights to mean 1 over the data set, so that the learning rate means what it did.
        split: of which split of the file the weights are; None = all, if no key is in two.

    Raises:
        InvalidInputError: keys cannot be told, a sample has no weight, or weights are negative, not finite or all 0.
        ShapeError: `keys` has another length than the data set.

    Example:
        >>> data = WeightedDataset([("a", 0), ("b", 1)], {"y": 1.0, "x": 3.0}, keys=["x", "y"])
        >>> data[0], data[1]
        (('a', 0, 1.5), ('b', 1, 0.5))
    """

    def __init__(
        self,
        dataset: Any,
        weights: Mapping[str, float] | str | Path,
        *,
        keys: Sequence[str] | None = None,
        missing: float | None = None,
        normalize: bool = True,
        split: str | None = None,
    ) -> None:
        self.dataset = dataset
        self.keys = list(keys) if keys is not None else keys_of(dataset)
        if len(self.keys) != len(dataset):
            raise ShapeError(f"`keys` must hold one key a sample, {len(dataset)}, got {len(self.keys)}")
        known = weights if isinstance(weights, Mapping) else read_weights(weights, split=split)
        found = np.array([_weight(known, key, missing) for key in self.keys], dtype=np.float64)
        self.weights = mean_one(found) if normalize else found
        """(N,) float64, in the order of the data set."""

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Give the sample with its weight at the end."""
        return (*self.dataset[index], float(self.weights[index]))


def keys_of(dataset: Any) -> list[str]:
    """Give the key of each sample of a data set of files.

    Raises:
        InvalidInputError: the data set does not say which files it has.
    """
    if isinstance(dataset, Subset):
        keys = keys_of(dataset.dataset)
        return [keys[index] for index in dataset.indices]
    if isinstance(dataset, ConcatDataset):
        return [key for part in dataset.datasets for key in keys_of(part)]
    samples, root = getattr(dataset, "samples", None), getattr(dataset, "root", None)
    if samples is None or root is None:
        raise InvalidInputError(
            f"`dataset` does not say which files its samples are ({type(dataset).__name__} has no `samples`, `root`); "
            "give `keys`, one a sample"
        )
    return [os.path.relpath(sample[0], root).replace(os.sep, "/") for sample in samples]


def _weight(weights: Mapping[str, float], key: str, missing: float | None) -> float:
    found = weights.get(key, missing)
    if found is None:
        example = next(iter(weights), None)
        raise InvalidInputError(
            f"`weights` has no weight for {key!r} (its keys look like {example!r}); is it of another root or split? If "
            "that is meant, give `missing`, the weight of such samples"
        )
    return float(found)
