"""What cleaning by a verifier's scores would do: how many labels are flagged, and how many wrong ones stay."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.score_tables import ScoreTable
from noisette.scores.goals import Goal, flag_labels, parse_goal
from noisette.scores.noise_rates import Estimate
from noisette.scores.remaining import wrong_labels_left
from noisette.types import UNVERIFIED

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
    def from_json(cls, values: dict[str, Any]) -> Cleaning:
        """Undo `to_json`."""
        left = values["wrong_left"]
        return cls(**values | {"wrong_left": None if left is None else Estimate(**left)})


def cleaning_by(goal: str, table: ScoreTable, labelled: LabelledFeatures, threshold: float | None) -> Cleaning:
    """Say what cleaning would do.

    Args:
        goal: what labels are flagged for, as in the settings.
        table: the scores of a verifier.
        labelled: the workspace's labels and decisions.
        threshold: the verifier's threshold of the lowest error; None = it has none.
    """
    wanted: Goal = parse_goal(goal)
    quality = None if np.isnan(table.verifier_quality).all() else table.verifier_quality
    truth = labelled.verification_labels
    flagged = flag_labels(wanted, table.scores.score, quality, truth, threshold)
    left = wrong_labels_left(
        table.scores.given_label,
        quality,
        truth,
        flagged.rows,
        len(labelled.class_names),
        level=LEVEL,
        sample_weight=labelled.label_weights(np.ones(truth.size, dtype=np.bool_)),
    )
    num_left = int(((truth == UNVERIFIED) & ~flagged.rows).sum())
    return Cleaning(
        goal=str(wanted),
        threshold=flagged.threshold,
        num_flagged=flagged.count,
        expected_precision=None if math.isnan(flagged.precision) else flagged.precision,
        wrong_left=None if math.isnan(left.value) else left,
        level=LEVEL,
        is_bounded=left.high < num_left or num_left == 0,
    )
