"""How well scores tell wrong labels: every figure of one verifier on verified rows, as one record."""

from __future__ import annotations

from dataclasses import dataclass

from noisette.functional.detection_metrics import auroc, average_error_rate, average_precision, error_rate
from noisette.types import Float64Array, IntArray


@dataclass(frozen=True)
class Detection:
    """Figures of one verifier on the same verified rows as others.

    Attributes:
        name: the verifier.
        average_error: mean over classes of the share of wrong verdicts (the papers' average error rate), in [0, 1].
        error: share of wrong verdicts over all rows, in [0, 1].
        auroc: area under the ROC curve, in [0, 1], 0.5 = chance; NaN where all rows are of one kind.
        average_precision: of finding mislabelled rows, in [0, 1]; NaN where all rows are of one kind.
        threshold: a label counts as correct from this score on.
        num_rows: rows measured on.
    """

    name: str
    average_error: float
    error: float
    auroc: float
    average_precision: float
    threshold: float
    num_rows: int


def evaluate_scores(
    name: str,
    scores: Float64Array,
    verification_labels: IntArray,
    given_labels: IntArray,
    threshold: float,
    sample_weight: Float64Array | None = None,
) -> Detection:
    """Measure scores on verified rows.

    Args:
        name: name of the verifier.
        scores: (M,) scores of rows whose verification labels the verifier had not seen; high = more likely correct.
        verification_labels: (M,) 1 correct, 0 mislabelled.
        given_labels: (M,) class ids.
        threshold: a label counts as correct where its score is at or above.
        sample_weight: (M,) weights > 0, such as 1 / inclusion probability; None = all rows count the same.

    Example:
        >>> import numpy as np
        >>> found = evaluate_scores("x", np.array([0.9, 0.2, 0.6]), np.array([1, 0, 0]), np.array([0, 0, 1]), 0.5)
        >>> round(found.error, 3), found.average_error, found.auroc
        (0.333, 0.5, 1.0)
    """
    verdict = scores >= threshold
    return Detection(
        name,
        average_error_rate(verdict, verification_labels, given_labels, sample_weight=sample_weight),
        error_rate(verdict, verification_labels, sample_weight=sample_weight),
        auroc(scores, verification_labels, sample_weight=sample_weight),
        average_precision(scores, verification_labels, sample_weight=sample_weight),
        float(threshold),
        int(scores.size),
    )
