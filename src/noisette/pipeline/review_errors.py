"""The share of wrong labels as far as decisions tell it, with its interval, for the review page."""

from __future__ import annotations

import numpy as np

from noisette.scores.intervals import normal_quantile, wilson_of_share

_Z = normal_quantile(0.95)
Share = dict[str, float]


def class_error(verdicts: tuple[int, int], size: int, audit: tuple[int, int]) -> Share | None:
    """Estimate the share of wrong labels of one class by the samples of it that were drawn at random.

    Only a random draw tells the share: what was looked at for being suspicious is wrong more often. The verdicts on all
    samples bound it (so many labels are certainly wrong, so many certainly right), and give it when all are decided.

    Args:
        verdicts: samples found correct, and wrong.
        size: samples of the class.
        audit: decided samples that were drawn at random, and how many of them are wrong.

    Returns:
        value, low, high in [0, 1] (95 %, Wilson); None where nothing was drawn at random and the bounds leave a gap.
    """
    drawn, wrong = audit
    if drawn == 0:
        return _within(verdicts, size, None, 0.0, 1.0)
    low, high = wilson_of_share(np.array(wrong / drawn), np.array(float(drawn)), _Z)
    return _within(verdicts, size, wrong / drawn, float(low), float(high))


def total_error(verdicts: tuple[int, int], size: int, weights: np.ndarray) -> Share | None:
    """Estimate the share over all classes: each draw weighs by one over its chance (Hájek's ratio estimate).

    Args:
        verdicts: samples found correct, and wrong.
        size: all samples.
        weights: sums over the decided samples drawn at random: of weights, of those of wrong ones, of squared weights.

    Returns:
        As `class_error`; the interval is Wilson's for the effective number of samples (Kish, 1965).
    """
    total, wrong, squares = (max(0.0, float(value)) for value in weights)
    if total <= 0 or squares <= 0:
        return _within(verdicts, size, None, 0.0, 1.0)
    share = min(1.0, wrong / total)
    low, high = wilson_of_share(np.array(share), np.array(total**2 / squares), _Z)
    return _within(verdicts, size, share, float(low), float(high))


def _within(verdicts: tuple[int, int], size: int, share: float | None, low: float, high: float) -> Share | None:
    correct, wrong = verdicts
    if size == 0:
        return None
    least, most = wrong / size, 1 - correct / size
    if share is None:
        return {"value": least, "low": least, "high": most} if correct + wrong == size else None
    value, low, high = (min(max(end, least), most) for end in (share, low, high))
    return {"value": value, "low": low, "high": high}
