"""Nearest neighbours by cosine among the rows of a feature table: exact in a small bank, by cells in a large one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from noisette.errors import InvalidInputError, ShapeError
from noisette.neighbors.bank import Bank, build_bank, choose_rows
from noisette.neighbors.cells import Cells, make_cells
from noisette.neighbors.copies import Copies
from noisette.neighbors.directions import leading_directions
from noisette.neighbors.products import nearest_rows
from noisette.neighbors.recall import RECALL_AT, true_neighbors, tune_probes
from noisette.neighbors.records import Neighbors
from noisette.neighbors.unit_rows import in_directions, table_mean, unit_rows
from noisette.types import (
    FeatureTable,
    Float32Array,
    HashArray,
    IntArray,
    Progress,
    RandomState,
    as_generator,
    silent,
)

EXACT_ROWS = 1 << 16  # rows up to which every query is compared with every row
RECALL_QUERIES = 256
MAX_NUMBERS = 1 << 29  # numbers in a bank: 1 GB in float16


@dataclass(frozen=True, eq=False)
class NeighborIndex:
    """A bank of unit rows to search in; made by `build_index`.

    Attributes:
        bank: the M rows, where they come from, and their content hashes.
        mean: (D,) taken off every row before its length is made one; zeros if not centred.
        cells: how the bank is sorted into cells, of which a query looks at a few; None = every row is looked at.
        recall: share of the true 50 nearest neighbours that a search finds, as measured when the index was built.
        directions: (D, d) in which the rows of the bank are kept; None = all. Similarities are then those in these
            directions, near the cosine.
        copies: near copies that are known; None = none are. The hashes of the bank are those that stand for them.
    """

    bank: Bank
    mean: Float32Array
    cells: Cells | None = None
    recall: float = 1.0
    directions: Float32Array | None = None
    copies: Copies | None = None

    @property
    def size(self) -> int:
        """M, the number of rows in the bank."""
        return self.bank.size

    @property
    def num_features(self) -> int:
        """D."""
        return int(self.mean.size)

    @property
    def rows(self) -> IntArray:
        """(M,) the row number in the table of each row of the bank."""
        return self.bank.rows

    def search(self, features: Float32Array, k: int, *, exclude: HashArray | None = None) -> Neighbors:
        """Find the k nearest rows of the bank of each query.

        Args:
            features: (B, D) raw features; they need not be in the bank.
            k: neighbours a query.
            exclude: (B,) content hash of each query (`types.row_hashes`): rows of the bank with that content are never
                given back, so a row is not its own neighbour, nor are its copies, nor the near copies that the index
                knows. None = everything may be given.

        Raises:
            ShapeError: a dimension does not fit.
            InvalidInputError: k is below 1, or a feature is not finite.
        """
        rows = np.full((len(features), k), -1, dtype=np.int64)
        similarities = np.full((len(features), k), -np.inf, dtype=np.float32)
        for part, found in self.search_in_parts(features, k, exclude=exclude):
            rows[part], similarities[part] = found.rows, found.similarities
        return Neighbors(rows, similarities)

    def search_in_parts(
        self, features: Float32Array, k: int, *, exclude: HashArray | None = None
    ) -> Iterator[tuple[IntArray, Neighbors]]:
        """Search as `search` does, and yield (row numbers in `features`, their neighbours) as parts are done.

        Every row comes once. A part of an exact search is everything; else it is the queries of one cell, so a large
        `features` makes large matrix products.
        """
        self._check(features, k, exclude)
        exclude = exclude if exclude is None or self.copies is None else self.copies.lead(exclude)
        queries = in_directions(unit_rows(features, self.mean), self.directions)
        if self.cells is None:
            yield np.arange(len(queries)), nearest_rows(self.bank, [(0, self.size)], queries, k, exclude)
            return
        if len(queries) == 0:
            return
        cells = self.cells.cells_of(queries)
        order = np.argsort(cells, kind="stable")
        present, starts = np.unique(cells[order], return_index=True)
        for cell, part in zip(present, np.split(order, starts[1:]), strict=True):
            excluded = None if exclude is None else exclude[part]
            yield part, nearest_rows(self.bank, self.cells.stretches(int(cell)), queries[part], k, excluded)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Give the index as arrays, for saving."""
        arrays = {"values": self.bank.values, "rows": self.bank.rows, "hashes": self.bank.hashes, "mean": self.mean}
        arrays["recall"] = np.array([self.recall])
        if self.directions is not None:
            arrays["directions"] = self.directions
        if self.copies is not None:
            arrays |= self.copies.to_arrays()
        if self.cells is not None:
            arrays |= self.cells.to_arrays()
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> NeighborIndex:
        """Undo `to_arrays`."""
        bank = Bank(arrays["values"], arrays["rows"], arrays["hashes"])
        cells = Cells.from_arrays(arrays) if "centres" in arrays else None
        recall, copies = float(arrays["recall"][0]), Copies.from_arrays(arrays)
        return cls(bank, arrays["mean"], cells, recall, arrays.get("directions"), copies)

    def _check(self, features: Float32Array, k: int, exclude: HashArray | None) -> None:
        if features.ndim != 2 or features.shape[1] != self.num_features:
            raise ShapeError(
                f"`features` must have shape (B, {self.num_features}), got {features.shape}; was the backbone changed?"
            )
        if k < 1:
            raise InvalidInputError(f"`k` must be at least 1, got {k}; ask for one neighbour or more")
        if exclude is not None and exclude.shape != (len(features),):
            raise ShapeError(
                f"`exclude` must have shape ({len(features)},), one hash a row of `features`, got {exclude.shape}"
            )


def build_index(
    table: FeatureTable,
    *,
    center: bool = True,
    max_numbers: int = MAX_NUMBERS,
    labels: IntArray | None = None,
    exact_rows: int = EXACT_ROWS,
    full_rows: int | None = None,
    whole_rows: int | None = None,
    duplicate_groups: IntArray | None = None,
    random_state: RandomState = 0,
    progress: Progress = silent,
) -> NeighborIndex:
    """Make an index of the rows of a table.

    Args:
        table: N rows of D features.
        center: take the mean of all rows off first.
        max_numbers: M x D at most; a larger table gives a part of its rows.
        labels: (N,) class ids; where the bank is only a part, it is drawn as evenly from the classes as can be.
        exact_rows: a bank of up to so many rows is searched whole; a larger one by cells, which finds about 95 % of
            the 50 nearest neighbours (`NeighborIndex.recall`), unless that would mean to look at most of it anyway.
        full_rows: a bank of more rows than these that is searched whole is kept in as few of its leading directions as
            find about 95 % of the 50 nearest neighbours; None = always in all D columns.
        whole_rows: a bank that is searched whole keeps so many of its rows at most, drawn as evenly from the classes as
            can be; None = all. Without structure in the features cells do not help, and every query costs a product
            with every row.
        duplicate_groups: (N,) rows of one number (not -1) show one picture; None = rows of equal content alone do.
        random_state: integer seed or numpy generator; it draws that part, and the first centres of the cells.
        progress: called as ``progress("neighbors", rows done, N)``.

    Raises:
        ShapeError: `labels` or `duplicate_groups` do not fit the table, or the table has no columns.
        InvalidInputError: the table has no rows, or a feature is not finite.
    """
    if table.num_rows == 0 or table.num_features == 0:
        raise InvalidInputError(
            f"`table` must have rows and columns, got {table.num_rows} x {table.num_features}; give it a sample"
        )
    for name, numbers in (("labels", labels), ("duplicate_groups", duplicate_groups)):
        if numbers is not None and numbers.shape != (table.num_rows,):
            raise ShapeError(f"`{name}` must have shape ({table.num_rows},), one a row, got {numbers.shape}")
    rng = as_generator(random_state)
    most = max(1, max_numbers // table.num_features)
    chosen = choose_rows(table.num_rows, most, labels, rng)
    mean = table_mean(table) if center else np.zeros(table.num_features, dtype=np.float32)
    index = _by_cells(build_bank(table, chosen, mean, None, progress), mean, rng) if chosen.size > exact_rows else None
    if index is None:
        if whole_rows is not None:
            chosen = chosen[choose_rows(chosen.size, whole_rows, None if labels is None else labels[chosen], rng)]
        few = full_rows is not None and chosen.size > full_rows
        directions = leading_directions(table, mean, rng) if few else None
        index = NeighborIndex(build_bank(table, chosen, mean, directions, progress), mean, directions=directions)
        if directions is not None:
            index = replace(index, recall=_measure_recall(index, table, rng))
    return index if duplicate_groups is None else _with_copies(index, duplicate_groups[index.rows])


def _by_cells(bank: Bank, mean: Float32Array, rng: np.random.Generator) -> NeighborIndex | None:
    """Give an index that looks at a few cells; None where a query would have to look at most of them."""
    bank, cells = make_cells(bank, rng)
    tuned, recall = tune_probes(bank, cells, rng)
    return None if tuned is None else NeighborIndex(bank, mean, tuned, recall)


def _with_copies(index: NeighborIndex, groups: IntArray) -> NeighborIndex:
    copies = Copies.of(index.bank.hashes, groups)
    return replace(index, bank=replace(index.bank, hashes=copies.lead(index.bank.hashes)), copies=copies)


def _measure_recall(index: NeighborIndex, table: FeatureTable, rng: np.random.Generator) -> float:
    """Give the share of the true neighbours of some rows of the bank that a search finds."""
    chosen = np.sort(rng.choice(index.size, min(RECALL_QUERIES, index.size), replace=False))
    features = table.take(index.rows[chosen])
    hashes = index.bank.hashes[chosen]
    truth = true_neighbors(unit_rows(features, index.mean), hashes, table, index.bank, index.mean)
    found = index.search(features, RECALL_AT, exclude=hashes).rows
    hits = ((found[:, :, None] == truth[:, None, :]) & (truth >= 0)[:, None, :]).any(axis=1)
    return float(hits.sum() / (truth >= 0).sum()) if (truth >= 0).any() else 1.0
