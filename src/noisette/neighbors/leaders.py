"""Near-duplicates around a first row, so that a chain of look-alikes does not end in one group."""

from __future__ import annotations

import numpy as np

from noisette.neighbors.unit_rows import block_rows, unit_rows
from noisette.types import FeatureTable, Float32Array, IntArray

ROUNDS = 64  # groups that one component may fall into; what is left then stays alone


def groups_around_leaders(
    table: FeatureTable, mean: Float32Array, component: IntArray, rows: IntArray, threshold: float
) -> IntArray:
    """Give the (N,) leader of every row: itself, or the smallest row of its group that all members are near to.

    In each component the first row leads; members with a cosine to it below the threshold leave, and the first of
    these leads the next group.

    Args:
        table: the rows' features.
        mean: (D,) taken off before lengths are made one.
        component: (N,) name of the connected component of each row.
        rows: numbers, ascending, of the rows that have links at all.
        threshold: cosine.
    """
    leader = np.arange(component.size)
    left = rows
    for _ in range(ROUNDS):
        _, first, inverse = np.unique(component[left], return_index=True, return_inverse=True)
        heads = left[first[inverse]]
        others = left != heads
        left, heads = left[others], heads[others]
        if left.size == 0:
            break
        near = _cosines(table, mean, left, heads) >= threshold
        leader[left[near]] = heads[near]
        left = left[~near]
    return leader


def _cosines(table: FeatureTable, mean: Float32Array, rows: IntArray, others: IntArray) -> Float32Array:
    cosines = np.empty(rows.size, dtype=np.float32)
    step = block_rows(table.num_features)
    for start in range(0, rows.size, step):
        part = slice(start, start + step)
        first, second = (unit_rows(table.take(numbers[part]), mean) for numbers in (rows, others))
        cosines[part] = np.einsum("bd,bd->b", first, second)
    return cosines
