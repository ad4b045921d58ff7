"""How far predicted probabilities are off, in general and class by class, learned from the verified labels.

The model, for a label of class k with predicted probability p of being wrong:

    logit P(wrong) = intercept + slope * logit(p) + shift_k,    shift_k ~ Normal(0, spread^2)

A class nobody verified has an unknown shift; how unknown, the spread between the others says. The spread itself is
uncertain where few classes are verified, so nothing here fixes it: the model is solved on a grid of spreads, each with
its posterior weight (marginal likelihood by Laplace's method times a log-normal prior, away from 0 as Chung et al.,
2013, advise). Given the spread the rest is a mixed logistic regression with a normal posterior around its mode.

Weights make a pseudo-likelihood: a class's labels enter by weight, and the class's weights are scaled so that its
information is what the labels are worth, sum(w v) / sum(w^2 v) with v = p (1 - p), the variance of a label (a Kish
factor that knows the variances; Pauli, Racugno and Ventura, 2011). The score equations sum(w (wrong - p)) = 0 are those
of a difference estimator (prediction-powered inference, Angelopoulos et al., 2023): where a class has many
labels its rate is right even if the model's shape is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from noisette.types import Float64Array, IntArray

LEAST_PROBABILITY = 1e-4
"""Predicted probabilities are cut here: nothing is impossible."""
SPREADS = np.geomspace(0.02, 4.0, 24)
"""Grid of standard deviations of a class's shift, on the logit scale."""
USUAL_SPREAD, SPREAD_FACTOR = 0.5, 2.0
"""Log-normal prior of the spread: predicted odds are usually off by a factor of e^0.5, about 1.6, that differs from
class to class; the 0.5 give or take a factor of 2."""
INTERCEPT_SD, SLOPE_SD = 3.0, 0.5
"""Of the normal priors around intercept 0 and slope 1, which leave the predictions as they are."""
_STEPS = 50


@dataclass(frozen=True, eq=False)
class ShiftFit:
    """The model at one spread.

    Attributes:
        spread: standard deviation of the classes' shifts.
        log_evidence: log of its posterior weight, up to a constant.
        shared: (2,) intercept and slope.
        shifts: (K,) shift of each class, 0 where nothing is verified.
        shared_covariance: (2, 2) posterior covariance of `shared`.
    """

    spread: float
    log_evidence: float
    shared: Float64Array
    shifts: Float64Array
    shared_covariance: Float64Array

    def probability(self, log_odds: Float64Array, labels: IntArray) -> Float64Array:
        """Give (M,) P(wrong) for predicted log-odds and classes, the classes' shifts included."""
        found: Float64Array = expit(self.shared[0] + self.shared[1] * log_odds + self.shifts[labels])
        return found


def wrong_log_odds(label_quality: Float64Array) -> Float64Array:
    """Give the log-odds of being wrong for P(correct), cut where they would be infinite."""
    odds: Float64Array = logit(np.clip(1.0 - label_quality, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
    return odds


def fit_shifts(
    log_odds: Float64Array, is_wrong: Float64Array, labels: IntArray, weights: Float64Array, num_classes: int
) -> list[ShiftFit]:
    """Fit the model at every spread of the grid.

    Args:
        log_odds: (M,) predicted log-odds of being wrong of the verified labels, out of sample.
        is_wrong: (M,) 1 mislabelled, 0 correct.
        labels: (M,) given class ids.
        weights: (M,) weights > 0, 1 / inclusion probability; their scale within a class does not matter.
        num_classes: K.
    """
    worth = _scaled(weights, expit(log_odds), labels, num_classes)
    start = np.append([0.0, 1.0], np.zeros(num_classes))
    first = _fit(log_odds, is_wrong, labels, worth, float(SPREADS[SPREADS.size // 2]), start)
    # Once more with the variances of the labels as they turned out: predictions may have been too sure of themselves.
    worth = _scaled(weights, first.probability(log_odds, labels), labels, num_classes)
    fits = []
    for spread in SPREADS:
        fits.append(_fit(log_odds, is_wrong, labels, worth, float(spread), start))
        start = np.append(fits[-1].shared, fits[-1].shifts)
    return fits


def _scaled(weights: Float64Array, probability: Float64Array, labels: IntArray, num_classes: int) -> Float64Array:
    """Scale the weights of each class to what its labels are worth."""
    variance = probability * (1 - probability)
    once = np.bincount(labels, weights * variance, minlength=num_classes)
    twice = np.bincount(labels, weights**2 * variance, minlength=num_classes)
    factor = np.divide(once, twice, out=np.zeros(num_classes), where=twice > 0)
    scaled: Float64Array = weights * factor[labels]
    return scaled


def _fit(
    log_odds: Float64Array,
    is_wrong: Float64Array,
    labels: IntArray,
    weights: Float64Array,
    spread: float,
    start: Float64Array,
) -> ShiftFit:
    """Find the mode by Newton's method; the Hessian is an arrowhead, so a step costs O(M + K)."""
    shared, shifts, num_classes = start[:2].copy(), start[2:].copy(), start.size - 2
    center, prior = np.array([0.0, 1.0]), np.diag([INTERCEPT_SD**-2, SLOPE_SD**-2])

    def sums(values: Float64Array) -> Float64Array:
        return np.bincount(labels, values, minlength=num_classes).astype(np.float64)

    def objective(shared: Float64Array, shifts: Float64Array) -> float:
        line = shared[0] + shared[1] * log_odds + shifts[labels]
        off = shared - center
        likelihood = weights @ (is_wrong * line - np.logaddexp(0, line))
        return float(likelihood - 0.5 * off @ prior @ off - 0.5 * (shifts @ shifts) / spread**2)

    value = objective(shared, shifts)
    for _ in range(_STEPS):
        chance = expit(shared[0] + shared[1] * log_odds + shifts[labels])
        residual, variance = weights * (is_wrong - chance), weights * chance * (1 - chance)
        slope_shared = np.array([residual.sum(), residual @ log_odds]) - prior @ (shared - center)
        slope_shifts = sums(residual) - shifts / spread**2
        moments = [sums(variance * log_odds**power) for power in (0, 1, 2)]
        precision = moments[0] + spread**-2
        coupling = np.column_stack(moments[:2]) / precision[:, None]
        whole = np.array([[moments[0].sum(), moments[1].sum()], [moments[1].sum(), moments[2].sum()]]) + prior
        schur = whole - coupling.T @ (precision[:, None] * coupling)
        step_shared = np.linalg.solve(schur, slope_shared - coupling.T @ slope_shifts)
        step_shifts = slope_shifts / precision - coupling @ step_shared
        gain = slope_shared @ step_shared + slope_shifts @ step_shifts
        if gain < 1e-9:
            break
        size, new = 1.0, objective(shared + step_shared, shifts + step_shifts)
        while new < value and size > 1e-6:
            size /= 2
            new = objective(shared + size * step_shared, shifts + size * step_shifts)
        shared, shifts, value = shared + size * step_shared, shifts + size * step_shifts, new
    # log prior of the shifts - log det of the Hessian / 2: classes without labels cancel
    volume = -0.5 * np.log(precision * spread**2).sum() - 0.5 * np.linalg.slogdet(schur)[1]
    evidence = value + volume - 0.5 * (np.log(spread / USUAL_SPREAD) / np.log(SPREAD_FACTOR)) ** 2
    covariance = np.linalg.inv(schur).astype(np.float64)
    return ShiftFit(spread, float(evidence), shared, shifts, covariance)
