"""Which verified rows are kept for measuring: whole pictures, so that no copy of one is learned from."""

from __future__ import annotations

import numpy as np

from noisette.types import ArrayLike, IntArray
from noisette.verifier.folds import first_of_each, row_hashes
from noisette.verifier.inputs import TrainingData, int_vector


def picture_numbers(data: TrainingData, duplicate_groups: ArrayLike | None) -> IntArray:
    """Give the (N,) number of the picture that each verified row shows; -1 = not verified.

    Args:
        data: what is known of N rows.
        duplicate_groups: (N,) rows of one number show one picture, -1 = no duplicate; None = byte-equal rows only.

    Raises:
        ShapeError, InvalidInputError: `duplicate_groups` is not (N,) whole numbers.
    """
    rows = data.verified_rows
    groups = None
    if duplicate_groups is not None:
        groups = int_vector(duplicate_groups, data.table.num_rows, "duplicate_groups")[rows]
    pictures = np.full(data.table.num_rows, -1, dtype=np.int64)
    pictures[rows] = first_of_each(row_hashes(data.table.take(rows)), groups)
    return pictures


def with_copies(pictures: IntArray, rows: IntArray) -> IntArray:
    """Give these rows, and all verified rows that show the same pictures, ascending."""
    known = pictures[rows]
    same = np.flatnonzero(np.isin(pictures, known[known >= 0]))
    return np.union1d(rows, same)


def set_aside(
    data: TrainingData, rows: IntArray, pictures: IntArray, share: float, rng: np.random.Generator
) -> IntArray:
    """Draw a share of the pictures that verified rows show, evenly over classes and kinds of verification label.

    Args:
        data: what is known of N rows.
        rows: which to draw from, ascending.
        pictures: (N,) from `picture_numbers`.
        share: between 0 and 1.
        rng: draws.

    Returns:
        Row numbers, ascending.
    """
    shown = pictures[rows]
    first = np.sort(np.unique(shown, return_index=True)[1])
    heads = rows[first]
    strata = data.given_labels[heads] * 2 + data.verification_labels[heads]
    order = np.lexsort((rng.random(heads.size), strata))
    # Every (1 / share)-th picture, counted through all strata, from a random start below the first.
    turns = np.floor((np.arange(heads.size + 1) + rng.random() / share) * share)
    drawn = pictures[heads[order[np.diff(turns) > 0]]]
    return rows[np.isin(shown, drawn)]
