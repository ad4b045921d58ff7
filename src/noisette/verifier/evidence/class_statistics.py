"""Class-standardised copies of evidence: the same number may be much in a hard class and little in an easy one.

A copy is (value - mean) / deviation over the samples that carry the label. As it is linear in the value, weights of
copies fold into weights a class (`class_weights`), and a copy costs nothing when labels are scored.
"""

from __future__ import annotations

import numpy as np

from noisette.types import Float64Array, IntArray

SHRINKAGE = 10.0
"""Imagined samples in each class with the mean and deviation of all classes."""


def class_statistics(evidence: Float64Array, labels: IntArray, num_classes: int) -> tuple[Float64Array, Float64Array]:
    """Give mean and deviation of evidence in each class.

    Args:
        evidence: (N, E) evidence for the given labels.
        labels: (N,) class ids.
        num_classes: K.

    Returns:
        (K, E) means and (K, E) deviations, infinite where evidence does not differ at all; classes with few samples
        are drawn towards all samples.
    """
    count = np.bincount(labels, minlength=num_classes)[:, None] + SHRINKAGE
    sums, squares = np.zeros((2, num_classes, evidence.shape[1]))
    center = evidence.mean(axis=0)
    centred = evidence - center
    np.add.at(sums, labels, centred)
    np.add.at(squares, labels, centred**2)
    mean = sums / count
    variance = (squares + SHRINKAGE * centred.var(axis=0)) / count - mean**2
    deviation = np.sqrt(np.maximum(variance, 0))
    return mean + center, np.where(deviation < 1e-9, np.inf, deviation)


def standardize(evidence: Float64Array, labels: IntArray, mean: Float64Array, deviation: Float64Array) -> Float64Array:
    """Give the (B, E) standardised copies of evidence for labels (B,)."""
    copies: Float64Array = (evidence - mean[labels]) / deviation[labels]
    return copies


def class_weights(
    weights: Float64Array, intercept: float, copied: IntArray, mean: Float64Array, deviation: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Fold the weights of copies into weights a class.

    Args:
        weights: (E + S,) of E columns of evidence and of the S standardised copies.
        intercept: of the learner.
        copied: (S,) column numbers of the copies.
        mean: (K, S) of those columns.
        deviation: (K, S) of those columns.

    Returns:
        (K, E) weights and (K,) intercepts.
    """
    num_columns = weights.size - copied.size
    each = np.tile(weights[:num_columns], (mean.shape[0], 1))
    scaled = weights[num_columns:] / deviation
    each[:, copied] += scaled
    return each, intercept - (scaled * mean).sum(axis=1)
