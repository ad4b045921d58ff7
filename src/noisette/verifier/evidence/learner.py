"""The learner on top of the evidence: a logistic regression that never counts evidence against its own direction."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from noisette.types import Float64Array, IntArray


def fit_weights(
    evidence: Float64Array,
    targets: IntArray,
    penalty: float,
    *,
    scale: Float64Array | None = None,
    sample_weight: Float64Array | None = None,
) -> tuple[Float64Array, float]:
    """Fit P(correct) = expit(evidence @ weights + intercept) with weights >= 0 and an L2 penalty.

    Args:
        evidence: (M, E); high = more likely correct, in every column.
        targets: (M,) 1 correct, 0 mislabelled.
        penalty: of the squared weights, on evidence of deviation 1.
        scale: (E,) deviation of each column in the population; None = that of these rows. Evidence that hardly differs
            says nothing.
        sample_weight: (M,) weights >= 0; None = 1.

    Returns:
        (E,) weights for the evidence as it comes, and the intercept.
    """
    center = evidence.mean(axis=0)
    scale = evidence.std(axis=0) if scale is None else scale
    scale = np.where(scale < 1e-9, np.inf, scale)
    standard = (evidence - center) / scale
    weight = np.ones(targets.size) if sample_weight is None else sample_weight

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        logit = standard @ parameters[:-1] + parameters[-1]
        value = weight @ (np.logaddexp(0, logit) - targets * logit) + 0.5 * penalty * (parameters[:-1] ** 2).sum()
        residual = weight * (expit(logit) - targets)
        return float(value), np.append(standard.T @ residual + penalty * parameters[:-1], residual.sum())

    bounds = [(0.0, None)] * evidence.shape[1] + [(None, None)]
    found = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    weights: Float64Array = found[:-1] / scale
    return weights, float(found[-1] - weights @ center)
