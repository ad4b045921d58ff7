"""Choosing the score from which a label counts as correct."""

from __future__ import annotations

import numpy as np

from noisette.errors import NotVerifiedError
from noisette.types import Float64Array, IntArray

FIXED_THRESHOLDS = (0.1, 0.2)
"""The thresholds of the published CleanNet runs."""


def choose_threshold(
    scores: Float64Array,
    verification_labels: IntArray,
    groups: IntArray | None = None,
    sample_weight: Float64Array | None = None,
) -> float:
    """Choose the threshold with the lowest error on verified samples; a label is correct iff score >= threshold.

    Args:
        scores: (M,) scores of verified samples, out of sample; high = more likely correct.
        verification_labels: (M,) 1 correct, 0 mislabelled.
        groups: (M,) classes; given, the mean of the classes' errors is minimised (the papers' average error rate),
            else the error over all samples.
        sample_weight: (M,) weights > 0, 1 / inclusion probability; None = 1.

    Returns:
        A finite number halfway between two scores (or, to reject nothing or everything, outside of them); of equally
        good ones the one in the widest gap, and one that rejects nothing or everything first of all.

    Raises:
        NotVerifiedError: there are no samples.

    Example:
        >>> choose_threshold(np.array([0.0, 0.25, 0.75, 1.0]), np.array([0, 0, 1, 1]))
        0.5
    """
    if scores.size == 0:
        raise NotVerifiedError("a threshold needs verified samples; verify some labels, or give a threshold yourself")
    weights = np.ones(scores.size) if sample_weight is None else sample_weight / sample_weight.mean()
    weights = weights if groups is None else _group_weights(groups, weights)
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    signed = np.where(verification_labels[order] == 1, weights[order], -weights[order])
    # Error with the threshold just above the i lowest scores = (wrong labels kept) + (correct labels rejected);
    # relative to rejecting nothing it changes by +w for each correct and -w for each wrong label rejected.
    change = np.concatenate([[0.0], np.cumsum(signed)])
    cuts = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    best = np.flatnonzero(cuts & np.isclose(change, change[cuts].min(), rtol=0, atol=1e-12))
    # Rejecting nothing, or everything, gets a gap as wide as all scores together: of equally good thresholds those win.
    margin = float(ranked[-1] - ranked[0]) or max(1.0, abs(float(ranked[0])))
    padded = np.concatenate([[ranked[0] - margin], ranked, [ranked[-1] + margin]])
    gaps = padded[best + 1] - padded[best]
    cut = best[int(np.argmax(gaps))]
    below, above = float(padded[cut]), float(padded[cut + 1])
    middle = below + (above - below) / 2
    return middle if middle > below else above  # between two neighbouring floats there is no middle


def _group_weights(groups: IntArray, weights: Float64Array) -> Float64Array:
    """Divide each sample's weight by the sum of its group, so that every group counts the same."""
    _, inverse = np.unique(groups, return_inverse=True)
    shares: Float64Array = weights / np.bincount(inverse, weights)[inverse]
    return shares
