"""Sample weights for training, and what they leave of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from noisette.errors import InvalidInputError
from noisette.types import Float64Array, IntArray

LOW_SHARE, VERY_LOW_SHARE = 0.2, 0.1
"""Kept shares under which a class gets a warning."""

WarningLevel = Literal["low", "very low"]


@dataclass(frozen=True, slots=True)
class WeightWarning:
    """A class of which little is left: `kept_share` under 20 % is "low", under 10 % "very low"."""

    class_id: int
    kept_share: float
    effective_size: float
    level: WarningLevel


@dataclass(frozen=True, eq=False)
class WeightSummary:
    """What the weights leave of each class.

    Attributes:
        num_samples: (K,) samples a given label.
        kept_share: (K,) sum(w) / samples, in [0, 1] for weights in [0, 1]; NaN for a class without samples.
        effective_size: (K,) Kish's effective sample size (sum w)^2 / sum w^2; 0 where nothing is left.
        warnings: one record a class whose kept share is low, lowest first.
    """

    num_samples: IntArray
    kept_share: Float64Array
    effective_size: Float64Array
    warnings: tuple[WeightWarning, ...]


def soft_weights(scores: Float64Array, *, floor: float = 0.0) -> Float64Array:
    """Give w_soft = max(0, score), the soft weight of the CleanNet paper, and at least `floor`.

    Args:
        scores: (N,) cosine similarities in [-1, 1], or label qualities in [0, 1]; high = more likely correct.
        floor: smallest weight, in [0, 1]; above 0 no class can vanish from training.

    Returns:
        (N,) weights >= 0.

    Example:
        >>> soft_weights(np.array([-0.3, 0.05, 0.8]), floor=0.1).tolist()
        [0.1, 0.1, 0.8]
    """
    return np.maximum(scores, _checked_floor(floor))


def hard_weights(scores: Float64Array, threshold: float, *, floor: float = 0.0) -> Float64Array:
    """Give w_hard = 1 where score >= threshold, else `floor`: (N,) weights. Arguments as `soft_weights`.

    Example:
        >>> hard_weights(np.array([-0.3, 0.1, 0.8]), 0.1).tolist()
        [0.0, 1.0, 1.0]
    """
    weights: Float64Array = np.where(scores >= threshold, 1.0, _checked_floor(floor))
    return weights


def summarize_weights(sample_weight: Float64Array, given_labels: IntArray, num_classes: int) -> WeightSummary:
    """Say how much of each class the weights keep, with a warning for classes that nearly vanish.

    Args:
        sample_weight: (N,) weights >= 0, where 1 = a sample that counts in full.
        given_labels: (N,) class ids.
        num_classes: K.

    Raises:
        InvalidInputError: a weight is negative, NaN or infinite.

    Example:
        >>> summary = summarize_weights(np.array([1.0, 1.0, 0.1, 0.0]), np.array([0, 0, 1, 1]), 2)
        >>> summary.effective_size.tolist(), [(w.class_id, w.level) for w in summary.warnings]
        ([2.0, 1.0], [(1, 'very low')])
    """
    if not (np.isfinite(sample_weight).all() and (sample_weight >= 0).all()):
        raise InvalidInputError("`sample_weight` must hold finite numbers >= 0; leave out samples that have no weight")
    count = np.bincount(given_labels, minlength=num_classes).astype(np.int64)
    total = np.bincount(given_labels, sample_weight, minlength=num_classes)
    # Weights are divided by the largest first: squares of tiny ones would vanish.
    scale = float(sample_weight.max(initial=0.0)) or 1.0
    squares = np.bincount(given_labels, (sample_weight / scale) ** 2, minlength=num_classes)
    kept = np.divide(total, count, out=np.full(num_classes, np.nan), where=count > 0)
    effective = np.divide((total / scale) ** 2, squares, out=np.zeros(num_classes), where=squares > 0)
    return WeightSummary(count, kept, effective, _warnings(kept, effective))


def _warnings(kept: Float64Array, effective: Float64Array) -> tuple[WeightWarning, ...]:
    few = np.flatnonzero(kept < LOW_SHARE)  # never true for the NaN of an empty class
    return tuple(
        WeightWarning(int(c), float(kept[c]), float(effective[c]), "very low" if kept[c] < VERY_LOW_SHARE else "low")
        for c in few[np.argsort(kept[few], kind="stable")]
    )


def _checked_floor(floor: float) -> float:
    if not 0 <= floor <= 1:
        raise InvalidInputError(f"`floor` must lie in [0, 1], got {floor}")
    return floor
