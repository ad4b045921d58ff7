"""The k largest numbers of every row of a block of scores, for little more than one look at each number."""

from __future__ import annotations

from math import isqrt

import numpy as np

from noisette.types import BoolArray, Float32Array, IntArray

_CROWD = 4  # a row with more than this many times k candidates holds many equal scores
_LOWEST = np.finfo(np.float32).min  # below every score, above the -inf of a column that is excluded


def best_columns(scores: Float32Array, k: int, floor: Float32Array | None = None) -> tuple[IntArray, Float32Array]:
    """Give columns and scores, both (B, k), of the k largest scores of each row, largest first, equal ones by column.

    A column at -inf is never given; a row with fewer than k others is filled with column -1 and score -inf.

    Args:
        scores: (B, T) float32 without NaN.
        k: how many a row.
        floor: (B,) scores below it need not be given.
    """
    bound = np.maximum(_lower_bound(scores, k), _LOWEST)
    if floor is not None:
        bound = np.maximum(bound, floor)
    candidates = scores >= bound[:, None]
    rows, columns = _nonzero(candidates)
    counts = np.bincount(rows, minlength=len(scores))
    crowded = np.flatnonzero(counts > _CROWD * k)
    if crowded.size:
        _thin_out(candidates, scores, crowded, k)
        rows, columns = _nonzero(candidates)
        counts = np.bincount(rows, minlength=len(scores))
    return _sort(rows, columns, scores[rows, columns], counts, k)


def merge_best(
    first: tuple[IntArray, Float32Array], second: tuple[IntArray, Float32Array]
) -> tuple[IntArray, Float32Array]:
    """Give the best k of two (B, k) results; of equal scores those of the first come first."""
    names = np.concatenate([first[0], second[0]], axis=1)
    scores = np.concatenate([first[1], second[1]], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : first[0].shape[1]]
    return np.take_along_axis(names, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _lower_bound(scores: Float32Array, k: int) -> Float32Array:
    """Give a (B,) score that at least k scores of the row reach: the k-th largest of the maxima of many strips."""
    size, width = scores.shape
    if width <= k:
        return np.full(size, -np.inf, dtype=np.float32)
    per_strip = isqrt(width // k)
    num_strips = width // per_strip
    strips = scores[:, : num_strips * per_strip].reshape(size, per_strip, num_strips).max(axis=1)
    bound: Float32Array = np.partition(strips, num_strips - k, axis=1)[:, num_strips - k]
    return bound


def _nonzero(mask: BoolArray) -> tuple[IntArray, IntArray]:
    rows, columns = np.divmod(np.flatnonzero(mask), max(1, mask.shape[1]))
    return rows, columns


def _thin_out(candidates: BoolArray, scores: Float32Array, rows: IntArray, k: int) -> None:
    """Leave k candidates in each of these rows: of those that are equal to the last one, the first."""
    for row in rows:
        values = scores[row]
        last = max(np.partition(values, values.size - k)[values.size - k], _LOWEST)
        above = values > last
        candidates[row] &= above
        candidates[row, np.flatnonzero(values == last)[: k - int(above.sum())]] = True


def _sort(
    rows: IntArray, columns: IntArray, scores: Float32Array, counts: IntArray, k: int
) -> tuple[IntArray, Float32Array]:
    """Bring candidates, which come row by row and column by column, into (B, k) arrays, largest score first."""
    places = np.arange(rows.size) - (np.cumsum(counts) - counts)[rows]
    shape = (counts.size, max(k, int(counts.max(initial=0))))
    all_columns, all_scores = np.full(shape, -1, dtype=np.int64), np.full(shape, -np.inf, dtype=np.float32)
    all_columns[rows, places], all_scores[rows, places] = columns, scores
    order = np.argsort(-all_scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(all_columns, order, axis=1), np.take_along_axis(all_scores, order, axis=1)
