"""Global average precision of large matrices of scores, a block of rows at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from noisette.errors import InvalidInputError
from noisette.types import Float32Array, IntArray

_BLOCK = 1 << 20  # scores that are sorted at once


def blockwise_average_precision(
    scores: Float32Array, labels: IntArray | npt.NDArray[np.float32], *, block: int = _BLOCK
) -> float:
    """Give `functional.global_average_precision`, which sorts all scores at once, for a small part of its cost.

    The mean over present pairs of the precision at their own score: a sum over recall steps, ties being one step, has a
    term 1 / (number of present pairs) for each of them.

    Args:
        scores: (N, K), high = more likely present; no NaN.
        labels: (N,) class ids in 0..K-1, or (N, K) of 1 present and 0 absent.
        block: scores that are sorted at once.

    Returns:
        A number in [0, 1], high is good; NaN where nothing is present.

    Raises:
        InvalidInputError: labels are neither 0 nor 1.
    """
    if labels.ndim == 2:
        if not np.isin(labels, (0, 1)).all():
            raise InvalidInputError("labels to measure several labels a sample on must be 0 or 1")
        found = np.sort(scores[labels == 1])
    else:
        found = np.sort(scores[np.arange(len(scores)), labels])
    if found.size == 0:
        return float("nan")
    at_least = np.zeros(found.size, np.int64)
    rows = max(1, block // scores.shape[1])
    for start in range(0, len(scores), rows):
        part = np.sort(scores[start : start + rows], axis=None)
        at_least += part.size - np.searchsorted(part, found, side="left")
    present = found.size - np.searchsorted(found, found, side="left")
    return float((present / at_least).mean())
