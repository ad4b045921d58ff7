"""Cells of a large bank: the rows near one of many centres lie together, so a query looks at a few cells only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from noisette.neighbors.bank import Bank
from noisette.neighbors.products import Stretch
from noisette.types import Float32Array, FloatArray, IntArray

MAX_CELLS = 4096
SAMPLE_ROWS = 1 << 16  # rows that the centres are learned from
ITERATIONS = 6
MIN_CANDIDATES = 1024  # rows that the cells of any query hold together, at least
_BLOCK = 4096  # rows that are compared with the centres at a time


@dataclass(frozen=True, eq=False)
class Cells:
    """Where the rows of each cell lie in a bank that is sorted by cell, and which cells a query of a cell looks at.

    Attributes:
        centres: (C, D) unit rows.
        starts: (C + 1,) first position of each cell in the bank.
        probes: (C, C) all cells, those with the nearest centres first: a query's own cell, then the next.
        num_probes: (C,) how many of them a query of each cell looks at.
    """

    centres: Float32Array
    starts: IntArray
    probes: IntArray
    num_probes: IntArray

    def cells_of(self, queries: FloatArray) -> IntArray:
        """Give the (B,) cell of each unit row: that of the nearest centre."""
        return nearest_centres(queries, self.centres)

    def stretches(self, cell: int) -> list[Stretch]:
        """Give the parts of the bank, ascending, that queries of a cell look at."""
        joined: list[Stretch] = []
        for probe in np.sort(self.probes[cell, : self.num_probes[cell]]):
            start, stop = int(self.starts[probe]), int(self.starts[probe + 1])
            if joined and joined[-1][1] == start:
                joined[-1] = (joined[-1][0], stop)
            elif stop > start:
                joined.append((start, stop))
        return joined

    def cell_of_position(self, positions: IntArray) -> IntArray:
        """Give the cell in which a position of the bank lies."""
        return np.searchsorted(self.starts, positions, side="right") - 1

    def ranks(self, cells: IntArray, others: IntArray) -> IntArray:
        """Give how many cells a query of `cells` looks at before it comes to `others` (same shape)."""
        places = np.empty_like(self.probes)
        np.put_along_axis(places, self.probes, np.arange(len(places))[None, :], axis=1)
        return places[cells, others]

    def with_probes(self, wanted: int) -> Cells:
        """Give the same cells with `wanted` probes, more where these hold too few rows."""
        reached = np.cumsum(np.diff(self.starts)[self.probes], axis=1)
        enough = np.argmax(reached >= min(MIN_CANDIDATES, int(self.starts[-1])), axis=1) + 1
        return Cells(self.centres, self.starts, self.probes, np.maximum(wanted, enough).astype(np.int64))

    def share_searched(self) -> float:
        """Give the share of the bank that a query looks at, on average over the rows of the bank."""
        sizes = np.diff(self.starts)
        reached = np.cumsum(sizes[self.probes], axis=1)[np.arange(len(sizes)), self.num_probes - 1]
        return float((reached * sizes).sum() / self.starts[-1] ** 2)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Give the cells as arrays, for saving."""
        return {"centres": self.centres, "starts": self.starts, "num_probes": self.num_probes}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Cells:
        """Undo `to_arrays`."""
        centres = arrays["centres"]
        return cls(centres, arrays["starts"], _nearest_first(centres), arrays["num_probes"])


def make_cells(bank: Bank, rng: np.random.Generator) -> tuple[Bank, Cells]:
    """Sort a bank into about 2 sqrt(M) cells; give it and its cells, with one probe each."""
    num_cells = max(1, min(MAX_CELLS, 2 * isqrt(bank.size)))
    sample = np.sort(rng.permutation(bank.size)[:SAMPLE_ROWS])
    centres = spherical_kmeans(np.asarray(bank.values[sample], dtype=np.float32), num_cells, rng)
    cells = nearest_centres(bank.values, centres)
    starts = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=num_cells))])
    in_order = bank.reordered(np.argsort(cells, kind="stable"))
    return in_order, Cells(centres, starts, _nearest_first(centres), np.ones(num_cells, dtype=np.int64))


def _nearest_first(centres: Float32Array) -> IntArray:
    return np.argsort(-(centres @ centres.T), axis=1, kind="stable")


def spherical_kmeans(rows: Float32Array, num_centres: int, rng: np.random.Generator) -> Float32Array:
    """Give (C, D) unit centres of unit rows, after a few rounds from rows drawn at random.

    Sums run in one order, so that the same rows give the same bytes; a library's threads would not.
    """
    centres = rows[rng.choice(len(rows), num_centres, replace=len(rows) < num_centres)]
    for _ in range(ITERATIONS):
        cells = nearest_centres(rows, centres)
        ones = np.ones(len(rows), dtype=np.float32)
        sums = csr_array((ones, (cells, np.arange(len(rows)))), shape=(num_centres, len(rows))) @ rows
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.where(lengths > 0, lengths, 1), centres).astype(np.float32)
    return centres


def nearest_centres(rows: FloatArray, centres: Float32Array) -> IntArray:
    """Give the (B,) number of the centre with the largest product with each row."""
    nearest = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        block = np.asarray(rows[start : start + _BLOCK], dtype=np.float32)
        nearest[start : start + len(block)] = np.argmax(block @ centres.T, axis=1)
    return nearest
