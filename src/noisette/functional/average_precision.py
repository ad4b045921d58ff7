"""Average precision of one ranking of all (sample, class) pairs, a block of rows at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from noisette.types import BoolArray, Float64Array, IntArray

_BLOCK = 1 << 20  # scores that are sorted at once


def ranking_precision(
    scores: npt.NDArray[np.floating], present: BoolArray | IntArray, weight: Float64Array | None = None,
    *, block: int = _BLOCK,
) -> float:  # fmt: skip
    """Give what scikit-learn's `average_precision_score` gives of all pairs, for a small part of its time and memory.

    The weighted mean over present pairs of the precision at their own score: equal scores are one step, and a sum over
    recall steps has, for each of them, a term of its weight.

    Args:
        scores: (N, K), high = more likely present; no NaN.
        present: (N, K) mask, or (N,) class ids, one present class in each row.
        weight: (N,) weights >= 0 of the rows; None = 1.
        block: scores that are sorted at once.

    Returns:
        A number in [0, 1], high is good; NaN where nothing of a weight is present.
    """
    is_here = present.astype(np.bool_) if present.ndim == 2 else None
    own = np.arange(len(scores)) if is_here is None else np.nonzero(is_here)[0]
    found = scores[own, present] if is_here is None else scores[is_here]
    order = np.argsort(found)
    found, mass = found[order], np.ones(found.size) if weight is None else weight[own[order]]
    if not mass.sum() > 0:
        return float("nan")
    at_least = np.zeros(found.size)
    rows = max(1, block // scores.shape[1])
    for start in range(0, len(scores), rows):
        part = scores[start : start + rows]
        pair_weight = None if weight is None else np.repeat(weight[start : start + rows], scores.shape[1])
        at_least += _mass_at_least(part.ravel(), pair_weight, found)
    # Weights that are 0 may leave nothing at a score, where nothing is asked either.
    precision = _mass_at_least(found, mass, found) / np.where(mass > 0, at_least, 1.0)
    return float(np.average(precision, weights=mass))


def _mass_at_least(
    values: npt.NDArray[np.floating], weights: Float64Array | None, limits: npt.NDArray[np.floating]
) -> Float64Array:
    """Give how much weight values of at least each limit have."""
    if weights is None:
        found: Float64Array = values.size - np.searchsorted(np.sort(values), limits).astype(np.float64)
        return found
    order = np.argsort(values)
    above = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)
    found = above[np.searchsorted(values[order], limits)]
    return found
