"""What more labels will gain: those checked are right for certain, and the threshold rests on more."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from noisette.errors import InvalidInputError
from noisette.scores.thresholds import choose_threshold
from noisette.types import Float64Array, IntArray

NEXT = 100
"""Labels that a gain is stated for."""
STOP_BELOW = 0.001
"""Expected drop of the error by the next 100 labels below which checking more gains little."""
MIN_LABELS = 100
"""Verified labels from which an outlook is given at all."""
_PARTS = (8, 4, 2)
_REPEATS = 50


@dataclass(frozen=True)
class ErrorOutlook:
    """The error of a data set as a function of the number of verified labels, n.

    error(n) = (floor + slope / n) (1 - n / N): labels that are checked are right, the verdicts on all others err as
    often as verdicts by a threshold learned from n labels do. What a verifier gains in ranking by more labels is not
    in it, so the true gain may be larger.

    Attributes:
        num_samples: N.
        num_verified: n today.
        floor: error of verdicts by the best threshold, in [0, 1].
        slope: what few labels add to it, times n.
        standard_error: of the error today, by the number of labels it is measured on.
    """

    num_samples: int
    num_verified: int
    floor: float
    slope: float
    standard_error: float

    def error_after(self, more: int) -> float:
        """Give the expected share of samples with a wrong verdict once `more` labels are verified."""
        count = min(self.num_verified + more, self.num_samples)
        return (self.floor + self.slope / count) * (1 - count / self.num_samples)

    @property
    def gain(self) -> float:
        """Expected drop of the error by the next 100 labels."""
        return self.error_after(0) - self.error_after(NEXT)

    @property
    def is_enough(self) -> bool:
        """True if checking more gains little."""
        return self.gain < STOP_BELOW

    def labels_until(self, target: float) -> int:
        """Give how many more labels bring the error to `target`; 0 if it is there already.

        Raises:
            InvalidInputError: `target` is no error in [0, 1].
        """
        if not 0 <= target <= 1:
            raise InvalidInputError(f"`target_error` must lie in [0, 1], got {target}")
        low, high = 0, self.num_samples - self.num_verified  # with all of them verified, the error is 0
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.error_after(middle) <= target else (middle + 1, high)
        return low


def error_outlook(
    scores: Float64Array,
    verification_labels: IntArray,
    num_samples: int,
    *,
    sample_weight: Float64Array | None = None,
    random_state: int = 0,
) -> ErrorOutlook | None:
    """Learn thresholds from an eighth, a quarter and a half of the labels, and see how often each errs on the rest.

    Args:
        scores: (M,) scores of the verified samples, out of sample; high = more likely correct.
        verification_labels: (M,) 1 correct, 0 mislabelled.
        num_samples: N, with the unverified ones.
        sample_weight: (M,) weights > 0; None = 1.
        random_state: seed of the 50 random parts of each size.

    Returns:
        None where fewer than 100 labels, or labels of one kind only, say too little.
    """
    size = scores.size
    if size < MIN_LABELS or np.unique(verification_labels).size < 2:
        return None
    weight = np.ones(size) if sample_weight is None else sample_weight
    rng = np.random.default_rng(random_state)
    counts = np.array([size // part for part in _PARTS], dtype=np.float64)
    errors = np.array([_mean_error(scores, verification_labels, weight, size // part, rng) for part in _PARTS])
    slope = max(0.0, float(np.polyfit(1 / counts, errors, 1)[0]))
    floor = max(0.0, float((errors - slope / counts).mean()))
    worth = float(weight.sum() ** 2 / (weight**2).sum())
    error = floor + slope / size
    return ErrorOutlook(num_samples, size, floor, slope, math.sqrt(max(error * (1 - error), 0.0) / worth))


def _mean_error(
    scores: Float64Array, truth: IntArray, weight: Float64Array, count: int, rng: np.random.Generator
) -> float:
    """Give the mean error on the rest of thresholds learned from `count` random labels."""
    errors = []
    for _ in range(_REPEATS):
        order = rng.permutation(scores.size)
        seen, rest = order[:count], order[count:]
        threshold = choose_threshold(scores[seen], truth[seen], sample_weight=weight[seen])
        errors.append(np.average((scores[rest] >= threshold) != truth[rest], weights=weight[rest]))
    return float(np.mean(errors))
