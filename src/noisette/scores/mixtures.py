"""Quantiles of mixtures of normal distributions."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from noisette.types import Float64Array

_HALVINGS = 60


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
