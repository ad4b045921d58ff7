"""Confidence intervals of shares."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from noisette.errors import InvalidInputError
from noisette.types import ArrayLike, Float64Array


def wilson_interval(
    num_wrong: ArrayLike, num_samples: ArrayLike, *, level: float = 0.95
) -> tuple[Float64Array, Float64Array]:
    """Give the score interval of a share (Wilson, 1927); [0, 1] for no samples.

    Args:
        num_wrong: successes, any shape; may be fractional (weighted counts).
        num_samples: trials >= successes, same shape; may be effective sample sizes.
        level: confidence level in (0, 1).

    Returns:
        Lower and upper ends, in [0, 1], same shape.

    Raises:
        InvalidInputError: counts below 0, more successes than trials, or an impossible level.

    Example:
        >>> low, high = wilson_interval(1, 10)
        >>> round(float(low), 3), round(float(high), 3)
        (0.018, 0.404)
    """
    wrong, trials = np.asarray(num_wrong, dtype=np.float64), np.asarray(num_samples, dtype=np.float64)
    if not ((wrong >= 0) & (wrong <= trials)).all():
        raise InvalidInputError("`num_wrong` must lie between 0 and `num_samples`")
    share = np.divide(wrong, trials, out=np.full(trials.shape, 0.5), where=trials > 0)
    return wilson_of_share(share, trials, normal_quantile(level))


def normal_quantile(level: float) -> float:
    """Give z such that a normal variable lies within z standard deviations with probability `level`."""
    if not 0 < level < 1:
        raise InvalidInputError(f"`level` must lie in (0, 1), got {level}; 0.95 is usual")
    return float(ndtri((1 + level) / 2))  # `norm.ppf` without the second that `scipy.stats` takes to load


def wilson_of_share(share: Float64Array, trials: Float64Array, z: float) -> tuple[Float64Array, Float64Array]:
    """Give Wilson's interval of an observed share; `trials` may be 0 (gives [0, 1]) or infinite (gives the share)."""
    inverse = np.divide(1.0, trials, out=np.full(trials.shape, 1e300), where=trials > 0)
    spread = inverse * z**2
    center = (share + spread / 2) / (1 + spread)
    half = np.sqrt(spread) * np.sqrt(share * (1 - share) + spread / 4) / (1 + spread)
    # By algebra the ends include the share; rounding must not push them past it, nor past 0 and 1.
    return np.clip(center - half, 0.0, share), np.clip(center + half, share, 1.0)
