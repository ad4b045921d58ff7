"""Shares of wrong labels among the unverified ones: corrected predictions, joined with what a class's own labels say.

For a class, the correction is a prediction with a known error, as for any class that the verifier has not seen; the
verified labels of the class itself are counted, which is another, independent measurement. The two are averaged by
their precision. (The residuals of a class's own labels cannot stand in for that: they are those of a model fitted
without the class, and its unverified labels are predicted by one that has learned from it.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit, logit

from noisette.scores.class_shifts import ShiftFit
from noisette.scores.corrected import Corrected
from noisette.scores.mixtures import shortest_shares
from noisette.types import Float64Array, IntArray

_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Shares:
    """Wrong labels among the unverified ones of each class, (K,) each, or of all classes together; NaN for none."""

    value: Float64Array
    low: Float64Array
    high: Float64Array

    def ranges(self) -> Float64Array:
        """Give (3, K): value, low, high."""
        return np.array([self.value, self.low, self.high])


@dataclass(frozen=True, eq=False)
class _Joined:
    """What one fit, and the classes' own labels, say of the unverified labels of each class.

    Attributes:
        share: (K,) expected share of wrong labels.
        own: (K,) variance of its error that is the class's own.
        common: (K, 2) by how much it moves with intercept and slope, which all classes share.
    """

    share: Float64Array
    own: Float64Array
    common: Float64Array

    @classmethod
    def of(
        cls, fit: ShiftFit, counted: tuple[Float64Array, Float64Array], log_odds: Float64Array, labels: IntArray
    ) -> Self:
        """Average prediction and count by precision; `counted` are shares and effective numbers of labels, (K,)."""
        observed, trials = counted
        size = np.bincount(labels, minlength=trials.size).astype(np.float64)
        size = np.where(size > 0, size, np.nan)
        probability = expit(fit.shared[0] + fit.shared[1] * log_odds)
        variance = probability * (1 - probability)

        def mean(values: Float64Array) -> Float64Array:
            return np.bincount(labels, values, minlength=trials.size) / size

        predicted, moved = mean(probability), mean(variance)
        common = np.column_stack([moved, mean(variance * log_odds)])
        shift = (moved * fit.spread) ** 2
        error = shift + np.einsum("ki,ij,kj->k", common, fit.shared_covariance, common)
        # Of a count at the predicted share, as Wilson's interval has it: none wrong of few does not mean none at all.
        sampling = np.divide(predicted * (1 - predicted), trials, out=np.full_like(trials, np.inf), where=trials > 0)
        gain = np.where(trials > 0, error / (error + np.where(trials > 0, sampling, 1.0)), 0.0)
        own = (1 - gain) ** 2 * shift + gain**2 * np.where(trials > 0, sampling, 0.0) + moved / size
        return cls(predicted + gain * (observed - predicted), own, (1 - gain)[:, None] * common)


def predicted_shares(
    corrected: Corrected, log_odds: Float64Array, labels: IntArray, level: float, *, with_counts: bool = True
) -> tuple[Shares, Shares]:
    """Predict how many of some unverified labels are wrong, in each class and (arrays of one) in all.

    Args:
        corrected: from `correct_predictions`.
        log_odds: (M,) predicted log-odds of being wrong of the unverified labels.
        labels: (M,) their given class ids.
        level: of the intervals, in (0, 1).
        with_counts: False = these are not all the unverified labels of their class, whose counts say nothing of them.
    """
    size = np.bincount(labels, minlength=corrected.share.size).astype(np.float64)
    whole = max(1.0, float(size.sum()))
    weights = np.array([fit.log_evidence for fit in corrected.fits])
    weights = np.exp(weights - weights.max())
    weights /= weights.sum()
    counted = corrected.share, corrected.effective * with_counts
    means, variances, totals, total_variances = [], [], [], []
    for fit in corrected.fits:
        found = _Joined.of(fit, counted, log_odds, labels)
        means.append(found.share)
        variances.append(found.own + np.einsum("ki,ij,kj->k", found.common, fit.shared_covariance, found.common))
        share, own, common = (np.nan_to_num(part) for part in (found.share, found.own, found.common))
        together = size @ common
        totals.append([size @ share / whole])
        total_variances.append([(size**2 @ own + together @ fit.shared_covariance @ together) / whole**2])
    return (
        _shares(np.array(means), np.array(variances), weights, level),
        _shares(np.array(totals), np.array(total_variances), weights, level),
    )


def _shares(means: Float64Array, variances: Float64Array, weights: Float64Array, level: float) -> Shares:
    """Give intervals of mixtures on the logit scale, where shares are nearest to normal and stay within 0 and 1."""
    inner = np.clip(means, _TINY, 1 - _TINY)
    low, high = shortest_shares(logit(inner), np.sqrt(variances) / (inner * (1 - inner)), weights, level)
    value = weights @ means
    return Shares(value, np.fmin(low, value), np.fmax(high, value))
