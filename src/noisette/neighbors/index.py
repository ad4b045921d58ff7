"""Nearest neighbours by cosine among the rows of a feature table: exact in a small bank, by cells in a large one."""

from __future__ import annotations

from dataclasses import dataclass

from noisette.errors import InvalidInputError, ShapeError
from noisette.neighbors.bank import Bank, build_bank, choose_rows
from noisette.neighbors.products import nearest_rows
from noisette.neighbors.records import Neighbors
from noisette.neighbors.unit_rows import unit_rows
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

EXACT_ROWS = 1 << 16
MAX_NUMBERS = 1 << 29  # numbers in a bank: 1 GB in float16


@dataclass(frozen=True, eq=False)
class NeighborIndex:
    """A bank of unit rows to search in; made by `build_index`.

    Attributes:
        bank: the M rows, where they come from, and their content hashes.
        mean: (D,) taken off every row before its length is made one; zeros if not centred.
        recall: share of the true 50 nearest neighbours that a search finds, as measured when the index was built.
    """

    bank: Bank
    mean: Float32Array
    recall: float = 1.0

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
                given back, so a row is not its own neighbour, nor are its copies. None = everything may be given.

        Raises:
            ShapeError: a dimension does not fit.
            InvalidInputError: k is below 1, or a feature is not finite.
        """
        self._check(features, k, exclude)
        queries = unit_rows(features, self.mean)
        return nearest_rows(self.bank, [(0, self.size)], queries, k, exclude)

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
    random_state: RandomState = 0,
    progress: Progress = silent,
) -> NeighborIndex:
    """Make an index of the rows of a table.

    Args:
        table: N rows of D features.
        center: take the mean of all rows off first.
        max_numbers: M x D at most; a larger table gives a part of its rows.
        labels: (N,) class ids; where the bank is only a part, it is drawn as evenly from the classes as can be.
        random_state: integer seed or numpy generator; it draws that part.
        progress: called as ``progress("neighbors", rows done, N)``.

    Raises:
        ShapeError: `labels` does not fit the table, or the table has no columns.
        InvalidInputError: the table has no rows, or a feature is not finite.
    """
    if table.num_rows == 0 or table.num_features == 0:
        raise InvalidInputError(
            f"`table` must have rows and columns, got {table.num_rows} x {table.num_features}; give it a sample"
        )
    if labels is not None and labels.shape != (table.num_rows,):
        raise ShapeError(f"`labels` must have shape ({table.num_rows},), one a row, got {labels.shape}")
    rng = as_generator(random_state)
    most = max(1, max_numbers // table.num_features)
    chosen = choose_rows(table.num_rows, most, labels, rng)
    bank, mean = build_bank(table, chosen, center=center, progress=progress)
    return NeighborIndex(bank, mean)
