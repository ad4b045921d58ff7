"""How many wrong labels stay in the data set once those that are flagged, or known to be wrong, are put right."""

from __future__ import annotations

import numpy as np

from noisette.scores.class_shifts import wrong_log_odds
from noisette.scores.corrected import correct_predictions
from noisette.scores.noise_rates import Estimate, check_estimation
from noisette.scores.predicted_rates import predicted_shares
from noisette.types import UNVERIFIED, BoolArray, Float64Array, IntArray


def wrong_labels_left(
    given_labels: IntArray,
    label_quality: Float64Array | None,
    verification_labels: IntArray,
    is_label_issue: BoolArray,
    num_classes: int,
    *,
    level: float = 0.95,
    sample_weight: Float64Array | None = None,
) -> Estimate:
    """Estimate how many wrong labels nobody verified are not flagged either.

    Predictions are corrected by the verified labels as for noise rates (`estimate_noise_rates`), and added up over the
    labels that are neither verified nor flagged.

    Args:
        given_labels: (N,) class ids.
        label_quality: (N,) the verifier's P(given label is correct), out of sample and before human decisions; None, or
            NaN on such a label: there is no estimate.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        is_label_issue: (N,) True where the label is taken to be wrong, and will be put right or left out.
        num_classes: K.
        level: confidence level in (0, 1).
        sample_weight: (N,) 1 / inclusion probability of the verified samples; None = all alike.

    Returns:
        Number of labels; value NaN where there are no predictions. Where fewer than 3 classes are verified nothing
        bounds it but the number of labels.

    Raises:
        ShapeError, InvalidInputError: arrays that do not fit together, or an impossible option.
    """
    quality = np.full(given_labels.size, np.nan) if label_quality is None else label_quality
    weight = np.ones(given_labels.size) if sample_weight is None else sample_weight
    check_estimation(given_labels, quality, verification_labels, weight)
    rows = np.flatnonzero((verification_labels == UNVERIFIED) & ~is_label_issue)
    if rows.size == 0:
        return Estimate(0.0, 0.0, 0.0)
    if not np.isfinite(quality[rows]).all():
        return Estimate(float("nan"), 0.0, float(rows.size))
    corrected = correct_predictions(given_labels, quality, verification_labels, weight, num_classes)
    log_odds = wrong_log_odds(quality[rows])
    _, found = predicted_shares(corrected, log_odds, given_labels[rows], level, with_counts=False)
    value, low, high = (float(end) for end in rows.size * found.ranges()[:, 0])
    return Estimate(value, low, high) if corrected.can_bound else Estimate(value, 0.0, float(rows.size))
