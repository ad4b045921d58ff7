"""What more labels will gain: those checked are right for certain, and the verdicts on the others rest on more."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from noisette.errors import InvalidInputError
from noisette.planning.removal import Removal
from noisette.scores.thresholds import choose_threshold
from noisette.types import Float64Array, IntArray

NEXT = 100
"""Labels that a gain is stated for."""
STOP_BELOW = 0.001
"""Expected drop of the error by the next 100 labels below which checking more gains little."""
MIN_LABELS = 100
"""Verified labels from which an outlook is given at all."""
_SURE = 2.0
"""Standard errors by which the error may be higher than measured before `stop` is said."""
_PARTS = (8, 4, 2)
_REPEATS = 50


@dataclass(frozen=True)
class ErrorOutlook:
    """The error of a data set as a function of the number of verified labels, n.

    error(n + m) = (floor + slope / (n + m)) (1 - n / N) left(m). The first factor: how often verdicts err on labels
    that nobody checked, with what a verifier learns from n + m of them. The others: checked labels are right. Those of
    today are taken as a random part; of those to come `plan` chooses m where verdicts are doubtful, and `left` is the
    share of wrong verdicts that it does not reach.

    Attributes:
        num_samples: N.
        num_verified: n today.
        floor: error of verdicts with endless labels, in [0, 1].
        slope: what few labels add to it, times n.
        standard_error: of the error today, by the number of labels it is measured on.
        removal: gives left(m); None: labels are checked at random, left(m) = 1 - m / (N - n).
    """

    num_samples: int
    num_verified: int
    floor: float
    slope: float
    standard_error: float
    removal: Removal | None = None

    def error_after(self, more: int) -> float:
        """Give the expected share of samples with a wrong verdict once `more` labels are verified."""
        rest = self.num_samples - self.num_verified
        more = min(more, rest)
        if rest == 0:
            return 0.0
        left = 1 - more / rest if self.removal is None else self.removal.left_after(more)
        count = self.num_verified + more
        return (self.floor + self.slope / count) * rest / self.num_samples * left

    @property
    def gain(self) -> float:
        """Expected drop of the error by the next 100 labels."""
        return self.error_after(0) - self.error_after(NEXT)

    @property
    def is_enough(self) -> bool:
        """True if checking more gains little, even if the error is two standard errors higher than measured."""
        error = self.error_after(0)
        doubt = 1 + _SURE * self.standard_error / error if error > 0 else 1.0
        return self.gain * doubt < STOP_BELOW

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
    regret: float = 0.0,
    removal: Removal | None = None,
    random_state: int = 0,
) -> ErrorOutlook | None:
    """Learn thresholds from an eighth, a quarter and a half of the labels, and see how often each errs on the rest.

    How fast the error falls by learning is seen in two ways: by those thresholds, which leave out that a verifier ranks
    better, too, and by `regret`. The larger counts, so that `stop` is not said too early.

    Args:
        scores: (M,) scores of the verified samples, out of sample; high = more likely correct.
        verification_labels: (M,) 1 correct, 0 mislabelled.
        num_samples: N, with the unverified ones.
        sample_weight: (M,) weights > 0; None = 1.
        regret: mean of `verdict_regret` over all samples, what not knowing the score well costs; it falls as 1 / n.
        removal: what the labels chosen next are worth; None: they are random.
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
    error = max(0.0, float((errors - slope / counts).mean())) + slope / size
    slope = min(max(slope, regret * size), error * size)
    worth = float(weight.sum() ** 2 / (weight**2).sum())
    spread = math.sqrt(max(error * (1 - error), 0.0) / worth)
    return ErrorOutlook(num_samples, size, error - slope / size, slope, spread, removal)


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
