"""Leading directions of unit rows: a bank of many columns is compared in the few that tell neighbours apart."""

from __future__ import annotations

import numpy as np

from noisette.neighbors.recall import RECALL_AT, TARGET_RECALL
from noisette.neighbors.unit_rows import unit_rows
from noisette.types import FeatureTable, Float32Array, HashArray, IntArray
from noisette.types.row_hashes import row_hashes

STEP = 64
"""Directions that are added at a time."""
SAMPLE_NUMBERS = 1 << 25
"""Numbers in the rows that are looked at, 128 MB: the more rows, the nearer neighbours are, and the harder to tell."""
_QUERIES = 256


def leading_directions(table: FeatureTable, mean: Float32Array, rng: np.random.Generator) -> Float32Array | None:
    """Give (D, d) orthonormal directions in which 95 % of the true 50 nearest neighbours of some rows are found.

    They are those in which the rows are longest, so that products of rows change least; d is the smallest multiple of
    64 that does. None where that would be nearly all columns.

    Args:
        table: the rows, as features come.
        mean: (D,) taken off every row before its length is made one.
        rng: draws the rows that are looked at.
    """
    num_features = table.num_features
    if num_features < 2 * STEP:
        return None
    chosen = np.sort(rng.choice(table.num_rows, min(SAMPLE_NUMBERS // num_features, table.num_rows), replace=False))
    features = table.take(chosen)
    rows = unit_rows(features, mean)
    _, vectors = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    directions = np.ascontiguousarray(vectors[:, ::-1], dtype=np.float32)
    enough = _enough(rows @ directions, row_hashes(features), rng)
    return np.ascontiguousarray(directions[:, :enough]) if enough <= num_features - STEP else None


def _enough(rows: Float32Array, hashes: HashArray, rng: np.random.Generator) -> int:
    """Say how many of the columns find enough of the neighbours that all of them find."""
    chosen = rng.choice(len(rows), min(_QUERIES, len(rows)), replace=False)
    copies = hashes[chosen, None] == hashes
    k = min(RECALL_AT, len(rows) - int(copies.sum(axis=1).max()))
    if k < 1:
        return STEP

    def nearest(similarities: Float32Array) -> IntArray:
        return np.argpartition(np.where(copies, np.inf, -similarities), k - 1, axis=1)[:, :k]

    truth = np.zeros(copies.shape, dtype=np.bool_)
    np.put_along_axis(truth, nearest(rows[chosen] @ rows.T), True, axis=1)
    similarities = np.zeros(copies.shape, dtype=np.float32)
    for first in range(0, rows.shape[1], STEP):
        part = rows[:, first : first + STEP]
        similarities += part[chosen] @ part.T
        found = float(np.take_along_axis(truth, nearest(similarities), axis=1).mean())
        if found >= TARGET_RECALL:
            return first + STEP
    return int(rows.shape[1])
