"""One scale for two kinds of models: equal scores of a class's own model and of the pooled one mean equal chances."""

from __future__ import annotations

import numpy as np

from noisette.scores.calibration import fit_calibrator
from noisette.types import Float64Array, IntArray

_SMALLEST_SLOPE = 1e-3  # keeps the ranking of a pooled model that says next to nothing


def pooled_scale(
    own_scores: Float64Array, own_targets: IntArray, pooled_scores: Float64Array, pooled_targets: IntArray
) -> Float64Array:
    """Find the line that turns pooled scores into scores of the own models with the same P(correct).

    Args:
        own_scores: (n,) scores of verified samples by their class's own model, out of sample.
        own_targets: (n,) 1 correct, 0 mislabelled.
        pooled_scores: (m,) scores of verified samples by a pooled model that has not seen their class.
        pooled_targets: (m,) 1 correct, 0 mislabelled.

    Returns:
        (slope > 0, intercept); (1, 0) where the own scores say nothing about P(correct).
    """
    own, pooled = fit_calibrator(own_scores, own_targets), fit_calibrator(pooled_scores, pooled_targets)
    own_slope, pooled_slope = own.slope / own.scale, max(pooled.slope, _SMALLEST_SLOPE) / pooled.scale
    if own.slope < _SMALLEST_SLOPE:
        return np.array([1.0, 0.0])
    own_start = own.intercept - own_slope * own.center
    pooled_start = pooled.intercept - pooled_slope * pooled.center
    return np.array([pooled_slope / own_slope, (pooled_start - own_start) / own_slope])
