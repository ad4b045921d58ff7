"""How many samples each verified label stands for, by the chance with which it was drawn."""

from __future__ import annotations

import numpy as np

from noisette.types import UNVERIFIED, Float64Array, IntArray


def label_weights(
    given_labels: IntArray, verification_labels: IntArray, inclusion_probabilities: Float64Array, num_classes: int
) -> Float64Array | None:
    """Weight verified labels so that those of each class stand for all samples of the class.

    A label drawn with chance p counts 1 / p. One whose chance is not known is taken to be drawn at random within its
    class: it counts as much as one of those equally weighted labels that the known ones of the class are worth,
    sum(w^2) / sum(w), so that each kind has a say by the number of labels it is worth. Then the weights of each class
    are scaled to sum to its number of samples, which is known. In a fully verified class each label counts 1.

    Args:
        given_labels: (N,) class ids of all samples that the verified ones stand for.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        inclusion_probabilities: (N,) in (0, 1]; NaN where not known.
        num_classes: K.

    Returns:
        (N,) weights > 0, 1 where unverified; None where no chance is known: then all labels count the same.

    Example:
        >>> given, truth = np.zeros(12, dtype=int), np.array([0, 1, 1] + [-1] * 9)
        >>> weights = label_weights(given, truth, np.array([0.5, 0.1] + [np.nan] * 10), 1)
        >>> weights[:3].round(2).tolist(), round(float(weights[:3].sum()))
        ([1.16, 5.81, 5.03], 12)
    """
    verified = np.flatnonzero(verification_labels != UNVERIFIED)
    chance, labels = inclusion_probabilities[verified], given_labels[verified]
    known = np.isfinite(chance)
    if not known.any():
        return None
    weight = np.ones(verified.size)
    weight[known] = 1 / chance[known]
    total, squares = (np.bincount(labels[known], weight[known] ** k, minlength=num_classes) for k in (1, 2))
    equal = np.divide(squares, total, out=np.ones(num_classes), where=total > 0)
    weight[~known] = equal[labels[~known]]
    size = np.bincount(given_labels, minlength=num_classes)
    whole = np.bincount(labels, weight, minlength=num_classes)
    scale = np.divide(size, whole, out=np.ones(num_classes), where=whole > 0)
    complete = np.bincount(labels, minlength=num_classes) == size
    weights = np.ones(given_labels.size)
    weights[verified] = np.where(complete[labels], 1.0, weight * scale[labels])
    return weights


def choice_note(num_verified: int, num_known: int) -> str:
    """Say what figures assume about how labels were chosen, of which `num_known` were drawn with a known chance."""
    if num_verified == 0:
        return ""
    if num_known == 0:
        return "Errors and intervals assume that the checked labels were chosen at random within their class."
    if num_known == num_verified:
        return "The checked labels were drawn with known chances, and count by them."
    return (
        f"{num_known:,} of the {num_verified:,} checked labels were drawn with known chances, and count by them; "
        "errors and intervals assume that the others were chosen at random within their class."
    )
