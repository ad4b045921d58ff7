"""What a feature table is to every step: N rows of D numbers, read in batches or by row number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from noisette.errors import ShapeError
from noisette.types.arrays import ArrayLike, Float32Array, IntArray, as_numpy


@runtime_checkable
class FeatureTable(Protocol):
    """N feature vectors of size D, in memory or on disk.

    `class_names` is the tuple of class names where the table knows them, else None.
    """

    @property
    def num_rows(self) -> int:
        """N."""
        ...

    @property
    def num_features(self) -> int:
        """D."""
        ...

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the K classes, where known."""
        ...

    def iter_batches(self, batch_size: int) -> Iterator[Float32Array]:
        """Yield (B, D) float32 blocks in row order; every block but the last has `batch_size` rows."""
        ...

    def take(self, rows: IntArray) -> Float32Array:
        """Give the (len(rows), D) float32 rows with these numbers, in this order."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayTable:
    """A feature table over a (N, D) array in memory or a memory map; batches are cast to float32 one at a time."""

    values: npt.NDArray[Any]
    class_names: tuple[str, ...] | None = None

    @property
    def num_rows(self) -> int:
        """N."""
        return int(self.values.shape[0])

    @property
    def num_features(self) -> int:
        """D."""
        return int(self.values.shape[1])

    def iter_batches(self, batch_size: int) -> Iterator[Float32Array]:
        """Yield (B, D) float32 blocks in row order (views of the array where it is float32 already)."""
        for start in range(0, self.num_rows, batch_size):
            yield np.asarray(self.values[start : start + batch_size], dtype=np.float32)

    def take(self, rows: IntArray) -> Float32Array:
        """Give the rows with these numbers, as float32."""
        return np.asarray(self.values[rows], dtype=np.float32)


def as_table(features: ArrayLike | FeatureTable, *, name: str = "features") -> FeatureTable:
    """Give `features` as a table: a table as it is, anything array-like through numpy.

    Raises:
        ShapeError: the array is not two-dimensional or not numeric.
    """
    if isinstance(features, FeatureTable):
        return features
    values = as_numpy(features)
    if values.ndim != 2:
        raise ShapeError(f"`{name}` must have shape (N, D), got {values.shape}; give one row of D numbers a sample")
    if values.dtype.kind not in "fiu":
        raise ShapeError(f"`{name}` must hold numbers, got dtype {values.dtype}")
    return ArrayTable(values)
