"""Quantiles of mixtures of normal distributions, and intervals of shares whose logits are such mixtures."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, ndtr

from noisette.types import Float64Array

_HALVINGS = 40
_BELOW = np.linspace(0.1, 0.9, 9)
"""Of the probability that an interval leaves out, the parts below it that are tried."""


def mixture_quantile(
    means: Float64Array, deviations: Float64Array, weights: Float64Array, probability: float
) -> Float64Array:
    """Give the (K,) quantile of each of K mixtures.

    Args:
        means: (G, K) of the components.
        deviations: (G, K) standard deviations >= 0.
        weights: (G,) that sum to 1.
        probability: in (0, 1).
    """
    reach = 10 * deviations
    low, high = (means - reach).min(axis=0), (means + reach).max(axis=0)
    spread = np.maximum(deviations, 1e-12)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = weights @ ndtr((middle - means) / spread) < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2, dtype=np.float64)


def shortest_shares(
    means: Float64Array, deviations: Float64Array, weights: Float64Array, level: float
) -> tuple[Float64Array, Float64Array]:
    """Give the ends (K,), (K,) of the shortest interval of each of K shares whose logit is a mixture.

    Shortest as shares, which is how they are read: a share is skewed towards 1/2, where tails of one size would take in
    unlikely values, and leave out likelier ones on the other side.

    Args:
        means: (G, K) of the components, as logits.
        deviations: (G, K) standard deviations >= 0.
        weights: (G,) that sum to 1.
        level: probability of the interval, in (0, 1).
    """

    def quantiles(probabilities: Float64Array) -> Float64Array:
        found = [expit(mixture_quantile(means, deviations, weights, float(p))) for p in probabilities]
        return np.array(found)

    below = (1 - level) * _BELOW
    lows, highs = quantiles(below), quantiles(below + level)
    shortest = np.argmin(highs - lows, axis=0)[None]
    low, high = (np.take_along_axis(ends, shortest, axis=0)[0] for ends in (lows, highs))
    return low, high
