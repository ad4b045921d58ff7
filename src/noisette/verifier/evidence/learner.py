"""The learner on top of the evidence: a logistic regression that never counts evidence against its own direction.

It starts from a prior that needs no verification label: every family of evidence counts the same, and labels are more
often right than wrong. Each label moves it from there, so a few do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from noisette.types import Float64Array, IntArray

PRIOR_SLOPE = 2.0
"""Log-odds that a deviation of the mean evidence is worth, before any label is seen."""
PRIOR_INTERCEPT, INTERCEPT_PENALTY = 1.0, 1.0
"""Log-odds 1 of being correct (73 %) at mean evidence, with a deviation of 1."""


@dataclass(frozen=True, eq=False)
class Population:
    """How evidence is spread over all samples.

    Attributes:
        center: (E,) mean of each column.
        scale: (E,) deviation; a column of which it is 0 says nothing.
        prior: (E,) weights >= 0 of evidence of deviation 1, before any label is seen.
    """

    center: Float64Array
    scale: Float64Array
    prior: Float64Array

    @classmethod
    def of(cls, evidence: Float64Array, families: Sequence[Sequence[int]]) -> Population:
        """Learn it from (N, E) evidence; the columns of a family share a vote in the prior, others have none."""
        center, scale = evidence.mean(axis=0), evidence.std(axis=0)
        scale[scale < 1e-9] = 0.0
        shares = np.zeros(scale.size)
        for family in families:
            shares[list(family)] = 1.0 / (len(families) * len(family))
        mean = ((evidence - center) / np.where(scale > 0, scale, np.inf)) @ shares
        return cls(center, scale, PRIOR_SLOPE * shares / max(float(mean.std()), 1e-9))

    def extended(self, center: float, scale: float) -> Population:
        """Give the same with one more column, of which the prior expects nothing."""
        return Population(np.append(self.center, center), np.append(self.scale, scale), np.append(self.prior, 0.0))

    def raw(self, weights: Float64Array, intercept: float) -> Float64Array:
        """Give (E + 1,) weights and intercept for evidence as it comes, from those of evidence of deviation 1."""
        own = weights / np.where(self.scale > 0, self.scale, np.inf)
        return np.append(own, intercept - own @ self.center)


def prior_weights(population: Population) -> Float64Array:
    """Give (E + 1,) weights and intercept that hold without any label."""
    return population.raw(population.prior, PRIOR_INTERCEPT)


def fit_weights(
    evidence: Float64Array,
    targets: IntArray,
    penalty: float,
    population: Population,
    sample_weight: Float64Array | None = None,
) -> Float64Array:
    """Fit P(correct) = expit(evidence @ weights + intercept), weights >= 0, by penalised maximum likelihood.

    Args:
        evidence: (M, E); high = more likely correct, in every column.
        targets: (M,) 1 correct, 0 mislabelled.
        penalty: of the squared distance of weights from the prior, on evidence of deviation 1.
        population: spread of the evidence, and the prior.
        sample_weight: (M,) weights >= 0; None = 1.

    Returns:
        (E + 1,) weights for the evidence as it comes, and the intercept.
    """
    standard = (evidence - population.center) / np.where(population.scale > 0, population.scale, np.inf)
    weight = np.ones(targets.size) if sample_weight is None else sample_weight

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        logit = standard @ parameters[:-1] + parameters[-1]
        moved, lifted = parameters[:-1] - population.prior, parameters[-1] - PRIOR_INTERCEPT
        value = weight @ (np.logaddexp(0, logit) - targets * logit)
        value += 0.5 * (penalty * (moved @ moved) + INTERCEPT_PENALTY * lifted**2)
        residual = weight * (expit(logit) - targets)
        slope = standard.T @ residual + penalty * moved
        return float(value), np.append(slope, residual.sum() + INTERCEPT_PENALTY * lifted)

    bounds = [(0.0, None)] * evidence.shape[1] + [(None, None)]
    start = np.append(population.prior, PRIOR_INTERCEPT)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return population.raw(found[:-1], float(found[-1]))
