"""Predictions corrected by verified labels that each stand for unverified ones of their class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.scores.class_shifts import ShiftFit, fit_shifts, wrong_log_odds
from noisette.types import MISLABELLED, UNVERIFIED, Float64Array, IntArray

MIN_CLASSES = 3
"""Verified classes from which something is known about how classes differ, and so about classes without labels."""
_LEAST_STANDING = 1e-6


@dataclass(frozen=True, eq=False)
class Corrected:
    """What the verified labels say of predictions, and of each class.

    Attributes:
        fits: the corrections, one a spread.
        share: (K,) weighted share of wrong ones among a class's verified labels, standing for its unverified ones; 0
            where none are verified.
        effective: (K,) effective number of these labels (Kish).
        can_bound: False where too few classes are verified to say how far off one without labels may be.
    """

    fits: list[ShiftFit]
    share: Float64Array
    effective: Float64Array
    can_bound: bool


def correct_predictions(
    given_labels: IntArray,
    label_quality: Float64Array,
    verification_labels: IntArray,
    weight: Float64Array,
    num_classes: int,
) -> Corrected:
    """Learn how far predictions are off.

    Args:
        given_labels: (N,) class ids.
        label_quality: (N,) P(correct), out of sample and before human decisions; verified rows with NaN are left out.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        weight: (N,) 1 / inclusion probability, above 0 on verified rows.
        num_classes: K.
    """
    seen = np.flatnonzero((verification_labels != UNVERIFIED) & np.isfinite(label_quality))
    labels = given_labels[seen]
    standing = _standing_for(given_labels, verification_labels, weight, num_classes)[seen]
    is_wrong = (verification_labels[seen] == MISLABELLED).astype(np.float64)
    fits = fit_shifts(wrong_log_odds(label_quality[seen]), is_wrong, labels, standing, num_classes)
    total, squares, wrong = (
        np.bincount(labels, values, minlength=num_classes) for values in (standing, standing**2, standing * is_wrong)
    )
    share, effective = (
        np.divide(part, whole, out=np.zeros(num_classes), where=whole > 0)
        for part, whole in ((wrong, total), (total**2, squares))
    )
    return Corrected(fits, share, effective, bool(np.unique(labels).size >= MIN_CLASSES))


def _standing_for(given: IntArray, truth: IntArray, weight: Float64Array, num_classes: int) -> Float64Array:
    """Give how many *unverified* samples of its class each verified label stands for, besides itself.

    A label drawn for certain stands for itself alone. In a class without unverified samples there are none to stand
    for; its labels still speak of the predictions in general.
    """
    is_verified = truth != UNVERIFIED
    size, left = (np.bincount(given[rows], minlength=num_classes) for rows in (slice(None), ~is_verified))
    whole = np.bincount(given, np.where(is_verified, weight, 0.0), minlength=num_classes)
    others = weight * (size / np.where(whole > 0, whole, 1.0))[given] - 1.0
    standing: Float64Array = np.where(left[given] > 0, np.maximum(others, _LEAST_STANDING), 1.0)
    return standing
