"""From raw scores to P(label is correct): a monotone map learned on verified samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from noisette.errors import NotVerifiedError
from noisette.types import Float64Array, IntArray

LOG_ODDS_DEVIATIONS = np.array([0.25, 0.5])
"""How far slope and intercept of log-odds from a fitted model are expected to be off."""


@dataclass(frozen=True)
class PlattCalibrator:
    """P(correct) = 1 / (1 + exp(-(slope * (score - center) / scale + intercept))), slope >= 0.

    Monotone, so calibration never changes a ranking (Platt, 1999, with the slope held at or above 0).
    """

    slope: float
    intercept: float
    center: float
    scale: float

    def __call__(self, scores: Float64Array) -> Float64Array:
        """Give P(correct) in [0, 1] for each score."""
        probability: Float64Array = expit(self.slope * (scores - self.center) / self.scale + self.intercept)
        return probability

    def score_of(self, probability: float) -> float | None:
        """Give the score whose P(correct) is `probability` in (0, 1); None if the scores say nothing (slope 0)."""
        if self.slope <= 0:
            return None
        return float(self.center + self.scale * (logit(probability) - self.intercept) / self.slope)


def fit_calibrator(
    scores: Float64Array, verification_labels: IntArray, sample_weight: Float64Array | None = None
) -> PlattCalibrator:
    """Fit `PlattCalibrator` by penalised maximum likelihood.

    Targets are pulled towards 1/2 as in Platt (1999): (n1 + 1) / (n1 + 2) for correct and 1 / (n0 + 2) for mislabelled
    ones, so that a handful of samples, or samples of one kind only, never give certainty.

    Args:
        scores: (M,) out-of-sample scores of verified samples; high = more likely correct.
        verification_labels: (M,) 1 correct, 0 mislabelled.
        sample_weight: (M,) weights >= 0, for instance 1 / inclusion probability; None = 1.

    Raises:
        NotVerifiedError: there are no samples.

    Example:
        >>> calibrator = fit_calibrator(np.array([0.1, 0.2, 0.7, 0.9]), np.array([0, 0, 1, 1]))
        >>> calibrator(np.array([0.0, 1.0])).round(2).tolist()
        [0.18, 0.85]
    """
    if scores.size == 0:
        raise NotVerifiedError("calibration needs verified samples; verify some labels first")
    weight = np.ones(scores.size) if sample_weight is None else sample_weight
    # The deviation of equal numbers may come out as 1e-17 by rounding: then one different score would get certainty.
    # That of numbers nearer than 1e-162 to each other is 0: their squares vanish.
    center, scale = float(np.mean(scores)), (float(np.std(scores)) if np.ptp(scores) > 0 else 0.0) or 1.0
    standard = (scores - center) / scale
    num_correct = float(weight[verification_labels == 1].sum())
    num_wrong = float(weight[verification_labels == 0].sum())
    high, low = (num_correct + 1) / (num_correct + 2), 1 / (num_wrong + 2)
    target = np.where(verification_labels == 1, high, low)

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        slope, intercept = parameters
        logit = slope * standard + intercept
        value = weight @ (np.logaddexp(0, logit) - target * logit) + 1e-3 * slope**2
        residual = weight * (expit(logit) - target)
        return float(value), np.array([residual @ standard + 2e-3 * slope, residual.sum()])

    start = np.array([1.0, np.log((num_correct + 1) / (num_wrong + 1))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return PlattCalibrator(float(found.x[0]), float(found.x[1]), center, scale)


def fit_log_odds_calibrator(
    log_odds: Float64Array, verification_labels: IntArray, sample_weight: Float64Array | None = None
) -> PlattCalibrator:
    """Fit the same to scores that are log-odds of being correct already: a few labels leave them nearly as they are.

    The most probable slope and intercept under normal priors around 1 and 0, with deviations of 0.25 and 0.5.

    Args:
        log_odds: (M,) out-of-sample log-odds of verified samples.
        verification_labels: (M,) 1 correct, 0 mislabelled.
        sample_weight: (M,) weights >= 0; None = 1.

    Example:
        >>> calibrator = fit_log_odds_calibrator(np.array([-2.0, 2.0]), np.array([0, 1]))
        >>> calibrator(np.array([0.0, 2.0])).round(2).tolist()
        [0.5, 0.89]
    """
    weight = np.ones(log_odds.size) if sample_weight is None else sample_weight

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        off = (parameters - (1.0, 0.0)) / LOG_ODDS_DEVIATIONS
        logit = parameters[0] * log_odds + parameters[1]
        value = weight @ (np.logaddexp(0, logit) - verification_labels * logit) + 0.5 * off @ off
        residual = weight * (expit(logit) - verification_labels)
        return float(value), np.array([residual @ log_odds, residual.sum()]) + off / LOG_ODDS_DEVIATIONS

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return PlattCalibrator(float(found.x[0]), float(found.x[1]), 0.0, 1.0)
