"""The rows that queries are compared with: all of a table, or an even draw from its classes where it is too large."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from noisette.neighbors.unit_rows import block_rows, in_directions, unit_rows
from noisette.types import FeatureTable, Float32Array, FloatArray, HashArray, IntArray, Progress
from noisette.types.row_hashes import row_hashes

FLOAT32_NUMBERS = 1 << 28  # a bank of up to 1 GB is kept in float32, which saves the casts; a larger one in float16


@dataclass(frozen=True, eq=False)
class Bank:
    """M rows of a table as unit rows.

    Attributes:
        values: (M, D) unit rows, or (M, d) in the leading directions alone; float32 or float16.
        rows: (M,) row numbers in the table.
        hashes: (M,) content hashes of the rows as they were in the table (`types.row_hashes`).
    """

    values: FloatArray
    rows: IntArray
    hashes: HashArray

    @property
    def size(self) -> int:
        """M."""
        return len(self.values)

    @cached_property
    def _by_hash(self) -> tuple[HashArray, IntArray]:
        order = np.argsort(self.hashes, kind="stable")
        return self.hashes[order], order

    def copies_of(self, hashes: HashArray) -> tuple[IntArray, IntArray]:
        """Give (query, position) pairs: the places in the bank where the content of each query lies."""
        ordered, order = self._by_hash
        first = np.searchsorted(ordered, hashes, side="left")
        counts = np.searchsorted(ordered, hashes, side="right") - first
        queries = np.repeat(np.arange(hashes.size), counts)
        within = np.arange(queries.size) - np.repeat(np.cumsum(counts) - counts, counts)
        return queries, order[first[queries] + within]

    def block(self, start: int, stop: int) -> Float32Array:
        """Give some rows as float32, without a copy where they are that already."""
        return np.asarray(self.values[start:stop], dtype=np.float32)

    def reordered(self, order: IntArray) -> Bank:
        """Give the same rows in another order."""
        return Bank(self.values[order], self.rows[order], self.hashes[order])


def build_bank(
    table: FeatureTable, chosen: IntArray, mean: Float32Array, directions: Float32Array | None, progress: Progress
) -> Bank:
    """Read the chosen rows (ascending) of a table, less their mean, in some directions (D, d) or as they are."""
    num_features = table.num_features
    width = num_features if directions is None else directions.shape[1]
    dtype: npt.DTypeLike = np.float32 if chosen.size * width <= FLOAT32_NUMBERS else np.float16
    values = np.empty((chosen.size, width), dtype=dtype)
    hashes = np.empty(chosen.size, dtype=np.uint64)
    start = 0
    for block in table.iter_batches(block_rows(num_features)):
        first, last = np.searchsorted(chosen, (start, start + len(block)))
        wanted = block if last - first == len(block) else block[chosen[first:last] - start]
        values[first:last] = in_directions(unit_rows(wanted, mean, start), directions)
        hashes[first:last] = row_hashes(wanted)
        start += len(block)
        progress("neighbors", start, table.num_rows)
    return Bank(values, chosen, hashes)


def choose_rows(num_rows: int, most: int, labels: IntArray | None, rng: np.random.Generator) -> IntArray:
    """Give at most `most` of the row numbers, ascending, as evenly from the classes as their sizes allow."""
    if num_rows <= most:
        return np.arange(num_rows)
    shuffled = rng.permutation(num_rows)
    if labels is None:
        return np.sort(shuffled[:most])
    # Deal round robin: every class gives its first row, then its second, until there are enough.
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    starts = np.searchsorted(labels[order], labels[order], side="left")
    turns = np.arange(num_rows) - starts
    return np.sort(order[np.argsort(turns, kind="stable")[:most]])
