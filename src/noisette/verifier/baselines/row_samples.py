"""Bounded, seeded samples of rows, so that fitting a baseline needs the same memory on any number of rows."""

from __future__ import annotations

import numpy as np

from noisette.types import IntArray

MAX_NUMBERS = 1 << 25
"""Numbers in the largest block of features that a baseline is fitted on: 128 MB of float32."""


def sample_rows(labels: IntArray, limit: int, rng: np.random.Generator, per_class: int | None = None) -> IntArray:
    """Choose at most `limit` rows at random, taking turns among the classes so that small classes keep theirs.

    Args:
        labels: (N,) class ids.
        limit: largest number of rows; all are taken where there are no more.
        rng: draws the rows.
        per_class: largest number of rows of one class; None = no such limit.

    Returns:
        Row numbers, ascending.
    """
    # Rows in random order within their class, then numbered within it: turn t takes the t-th row of every class.
    order = np.lexsort((rng.random(labels.size), labels))
    ordered = labels[order]
    first = np.searchsorted(ordered, ordered)
    turn = np.arange(labels.size) - first
    if per_class is not None:
        order, turn = order[turn < per_class], turn[turn < per_class]
    chosen: IntArray = order[np.lexsort((rng.random(turn.size), turn))[:limit]]
    return np.sort(chosen)
