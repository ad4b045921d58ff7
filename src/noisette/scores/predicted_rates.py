"""Shares of wrong labels among the unverified ones, by predictions that the verified labels corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit, logit

from noisette.scores.class_shifts import ShiftFit
from noisette.scores.mixtures import mixture_quantile
from noisette.types import Float64Array, IntArray

_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Shares:
    """Wrong labels among the unverified ones of each class, (K,) each, and of all classes; NaN for none."""

    value: Float64Array
    low: Float64Array
    high: Float64Array

    def ranges(self) -> Float64Array:
        """Give (3, K): value, low, high."""
        return np.array([self.value, self.low, self.high])


@dataclass(frozen=True, eq=False)
class _Expected:
    """What one fit says of the unverified labels of each class.

    Attributes:
        share: (K,) expected share of wrong labels.
        own: (K,) by how much it moves with the class's shift.
        common: (K, 2) by how much it moves with intercept and slope.
        chance: (K,) variance of the actual share around the expected one.
    """

    share: Float64Array
    own: Float64Array
    common: Float64Array
    chance: Float64Array

    @classmethod
    def of(cls, fit: ShiftFit, log_odds: Float64Array, labels: IntArray, size: Float64Array) -> Self:
        probability = fit.probability(log_odds, labels)
        variance = probability * (1 - probability)

        def mean(values: Float64Array) -> Float64Array:
            return np.bincount(labels, values, minlength=size.size) / size

        own = mean(variance)
        return cls(mean(probability), own, np.column_stack([own, mean(variance * log_odds)]), own / size)


def predicted_shares(
    fits: list[ShiftFit], log_odds: Float64Array, labels: IntArray, num_classes: int, level: float
) -> tuple[Shares, Shares]:
    """Predict how many of the unverified labels are wrong, in each class and (arrays of one) in all.

    Args:
        fits: the model at each spread of its grid, from `fit_shifts`.
        log_odds: (M,) predicted log-odds of being wrong of the unverified labels.
        labels: (M,) their given class ids.
        num_classes: K.
        level: of the intervals, in (0, 1).
    """
    size = np.bincount(labels, minlength=num_classes).astype(np.float64)
    size = np.where(size > 0, size, np.nan)
    known = np.nan_to_num(size)
    whole = max(1.0, float(known.sum()))
    evidence = np.array([fit.log_evidence for fit in fits])
    weights = np.exp(evidence - evidence.max())
    means, variances, totals, total_variances = [], [], [], []
    for fit in fits:
        found = _Expected.of(fit, log_odds, labels, size)
        moved = found.common - found.own[:, None] * fit.coupling  # with the shared part, the shift following it
        own = found.own**2 * fit.shift_variance() + found.chance
        means.append(found.share)
        variances.append(own + np.einsum("ki,ij,kj->k", moved, fit.shared_covariance, moved))
        share, own, moved = (np.nan_to_num(part) for part in (found.share, own, moved))
        together = known @ moved
        totals.append([known @ share / whole])
        total_variances.append([(known**2 @ own + together @ fit.shared_covariance @ together) / whole**2])
    weights /= weights.sum()
    return (
        _shares(np.array(means), np.array(variances), weights, level),
        _shares(np.array(totals), np.array(total_variances), weights, level),
    )


def _shares(means: Float64Array, variances: Float64Array, weights: Float64Array, level: float) -> Shares:
    """Give intervals of mixtures on the logit scale, where shares are nearest to normal and stay within 0 and 1."""
    inner = np.clip(means, _TINY, 1 - _TINY)
    deviations = np.sqrt(variances) / (inner * (1 - inner))
    low, high = (expit(mixture_quantile(logit(inner), deviations, weights, p)) for p in _tails(level))
    value = weights @ means
    return Shares(value, np.fmin(low, value), np.fmax(high, value))


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2
