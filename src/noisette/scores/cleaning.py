"""What cleaning would do: how many labels are flagged for a goal, and how many wrong ones stay."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from noisette.scores.goals import Goal, flag_labels
from noisette.scores.noise_rates import Estimate
from noisette.scores.remaining import wrong_labels_left
from noisette.types import UNVERIFIED, Float64Array, IntArray

LEVEL = 0.95
"""Confidence level of the interval."""


@dataclass(frozen=True)
class Cleaning:
    """The flagged labels, and what is left once they and the labels known to be wrong are put right.

    Attributes:
        goal: what labels are flagged for, as in the settings.
        threshold: score below which unverified labels are flagged; None = there is none.
        num_flagged: unverified labels that are flagged.
        expected_precision: share of wrong ones expected among them, in [0, 1]; None = nothing is flagged, or the
            verifier has no probabilities.
        wrong_left: expected number of wrong labels left, with its interval; None = nothing is known of it.
        level: confidence level of the interval.
        is_bounded: False where too few classes are verified for an interval: then it only says what is possible.
    """

    goal: str
    threshold: float | None
    num_flagged: int
    expected_precision: float | None
    wrong_left: Estimate | None
    level: float
    is_bounded: bool

    def to_json(self) -> dict[str, Any]:
        """Give the facts as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Undo `to_json`."""
        left = values["wrong_left"]
        return cls(**values | {"wrong_left": None if left is None else Estimate(**left)})


def plan_cleaning(
    goal: Goal,
    scores: Float64Array,
    label_quality: Float64Array | None,
    given_labels: IntArray,
    verification_labels: IntArray,
    num_classes: int,
    threshold: float | None,
    sample_weight: Float64Array | None = None,
) -> Cleaning:
    """Say what cleaning by a verifier's scores would do.

    Args:
        goal: what labels are flagged for.
        scores: (N,) high = more likely correct.
        label_quality: (N,) P(given label is correct), out of sample and before human decisions; None = there is none.
        given_labels: (N,) class ids.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        num_classes: K.
        threshold: score from which a label counts as correct with the lowest error; None = there is none.
        sample_weight: (N,) 1 / inclusion probability of the verified samples; None = all alike.

    Raises:
        NotVerifiedError: a precision is wanted, and there are no probabilities.
    """
    flagged = flag_labels(goal, scores, label_quality, verification_labels, threshold)
    left = wrong_labels_left(
        given_labels,
        label_quality,
        verification_labels,
        flagged.rows,
        num_classes,
        level=LEVEL,
        sample_weight=sample_weight,
    )
    num_left = int(((verification_labels == UNVERIFIED) & ~flagged.rows).sum())
    return Cleaning(
        goal=str(goal),
        threshold=flagged.threshold,
        num_flagged=flagged.count,
        expected_precision=None if math.isnan(flagged.precision) else flagged.precision,
        wrong_left=None if math.isnan(left.value) else left,
        level=LEVEL,
        is_bounded=left.high < num_left or num_left == 0,
    )
