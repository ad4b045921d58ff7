"""Where a better known score would change verdicts: the regret that uncertainty of the score costs."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, ndtri

from noisette.types import Float64Array, IntArray

PRIOR_OFFSET = 2.0
"""Standard deviation of the log-odds' shift before any label: shares of wrong labels from 2 % to 98 % are likely."""
PRIOR_SLOPE = 1.0
"""Standard deviation of the factor on the log-odds before any label: they may be off by as much as themselves."""
NUM_PARAMETERS = 12
"""Parameters that a verifier's learner fits to the labels; slope and offset, followed here, are two of them."""
_NODES, _GRID = 201, 1001


def verdict_regret(label_quality: Float64Array, verified: IntArray) -> Float64Array:
    """Give the expected share of wrong verdicts, for labels like each, that knowing the score better would save.

    The log-odds f of `label_quality` are taken to be true up to a slope and an offset, a f + b. Both are normal: wide
    before any label, and narrowed by the verified ones through the curvature of their likelihood (Laplace). Then the
    regret is E max(p, 1 - p) - max(E p, 1 - E p), the value of perfect information: 0 where the verdict is plain
    whatever slope and offset are, largest where it hangs on them. With few labels that is nearly everywhere, with many
    a narrow band around p = 1/2.

    Args:
        label_quality: (N,) P(given label is correct) in [0, 1].
        verified: (M,) rows that are verified already.

    Returns:
        (N,) regret in [0, 0.5].

    Example:
        >>> quality = np.array([0.5, 0.8, 0.999])
        >>> verdict_regret(quality, np.arange(0)).round(2).tolist()
        [0.28, 0.15, 0.13]
        >>> verdict_regret(quality, np.repeat([0, 1, 2], 100)).round(3).tolist()
        [0.086, 0.0, 0.003]
    """
    odds = logit(np.clip(label_quality, 1e-3, 1 - 1e-3))
    precision = np.diag([1 / PRIOR_SLOPE**2, 1 / PRIOR_OFFSET**2])
    design = np.column_stack([odds[verified], np.ones(verified.size)])
    information = expit(odds[verified]) * expit(-odds[verified])
    precision += design.T @ (design * information[:, None]) * (2 / NUM_PARAMETERS)
    covariance = np.linalg.inv(precision)
    # A function of the log-odds alone: a thousand of them, evenly spread over the rows, are enough.
    points = np.unique(np.quantile(odds, np.linspace(0, 1, _GRID))) if odds.size > _GRID else np.unique(odds)
    spread = np.sqrt(covariance[0, 0] * points**2 + 2 * covariance[0, 1] * points + covariance[1, 1])
    regret: Float64Array = np.interp(odds, points, _value_of_information(points, spread))
    return regret


def _value_of_information(mean: Float64Array, spread: Float64Array) -> Float64Array:
    """Give E max(p, 1 - p) - max(E p, 1 - E p) for log-odds with these means and deviations."""
    p = expit(mean[:, None] + spread[:, None] * ndtri((np.arange(_NODES) + 0.5) / _NODES))
    known: Float64Array = np.maximum(p, 1 - p).mean(axis=1)
    unknown = p.mean(axis=1)
    worth: Float64Array = np.maximum(known - np.maximum(unknown, 1 - unknown), 0.0)
    return worth
