"""What a verifier learns about its own scores, from out-of-fold rows alone: threshold, calibrator, relabel rule."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from noisette.errors import NotVerifiedError
from noisette.scores.calibration import PlattCalibrator, fit_calibrator, fit_log_odds_calibrator
from noisette.scores.relabel import RelabelRule, fit_relabel_rule
from noisette.scores.thresholds import choose_threshold
from noisette.types import BoolArray, Float64Array, IntArray
from noisette.verifier.crossfit import CrossFit
from noisette.verifier.inputs import Query, TrainingData

MAX_CLASS_SCORES = 1 << 21
"""Class scores that the relabel rule, a single number, is learned from: 2,000 rows of 1,000 classes say enough."""


@dataclass(frozen=True)
class DecisionRules:
    """How raw scores become verdicts, probabilities and suggestions.

    Attributes:
        threshold: a label is correct iff its score is at or above; None where nothing can be said.
        calibrator: from score to P(correct); None without verification labels.
        relabel: from class scores to class probabilities.
    """

    threshold: float | None = None
    calibrator: PlattCalibrator | None = None
    relabel: RelabelRule = field(default_factory=RelabelRule)

    def verdict(self, scores: Float64Array) -> BoolArray:
        """Give (N,) verdicts, True = label correct.

        Raises:
            NotVerifiedError: there is no threshold.
        """
        if self.threshold is None:
            raise NotVerifiedError(
                "a verdict needs a threshold, and a threshold needs verification labels of both kinds, correct and "
                "mislabelled; verify some and fit again, or compare `score_samples` with a threshold of your own"
            )
        verdict: BoolArray = scores >= self.threshold
        return verdict

    def to_json(self) -> dict[str, Any]:
        """Give the rules as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> DecisionRules:
        """Undo `to_json`."""
        calibrator = values["calibrator"]
        return cls(
            values["threshold"],
            None if calibrator is None else PlattCalibrator(**calibrator),
            RelabelRule(**values["relabel"]),
        )


def learn_rules(models: CrossFit, data: TrainingData, verified: Query, *, log_odds: bool = False) -> DecisionRules:
    """Learn the rules from the verified rows of `data`, each scored by the model of its fold.

    Args:
        models: the cross-fitted models.
        data: the training data; at least one row is verified.
        verified: the verified rows as a query, in the order of `data.verified_rows`.
        log_odds: scores are log-odds of being correct: put the threshold where the calibrated probability is 1/2, not
            where the error of these rows is lowest, and calibrate no more than they need.
    """
    targets = data.verification_labels[data.verified_rows]
    correct = data.correct_labels[data.verified_rows]
    scores = models.score(verified)
    right = np.where(targets == 1, verified.given_labels, correct)
    known = _evenly(np.flatnonzero(right >= 0), MAX_CLASS_SCORES // data.num_classes)
    class_scores = models.score_classes(verified.where(known)) if known.size else _no_rows(data.num_classes)
    calibrator = (fit_log_odds_calibrator if log_odds else fit_calibrator)(scores, targets)
    even = calibrator.score_of(0.5) if log_odds else None
    return DecisionRules(
        choose_threshold(scores, targets, verified.given_labels) if even is None else even,
        calibrator,
        fit_relabel_rule(class_scores, right[known], correct[targets == 0]),
    )


def _evenly(rows: IntArray, limit: int) -> IntArray:
    """Give at most `limit` (at least 1) of the rows, evenly spread over them."""
    limit = max(1, limit)
    return rows if rows.size <= limit else rows[np.arange(limit) * rows.size // limit]


def _no_rows(num_classes: int) -> Float64Array:
    return np.empty((0, num_classes))
