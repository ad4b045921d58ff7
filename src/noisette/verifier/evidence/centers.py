"""Evidence of the class centres: how near is the sample to the mean of its class, and to that of the nearest other?

A centre is the mean over samples, each counted by the probability that the class is its right one. There are five a
class, one a fold of rows, and none of them contains the rows that are compared with it: a small class would else vouch
for its own.
"""

from __future__ import annotations

import numpy as np

from noisette.types import Float32Array, Float64Array, FloatArray, IntArray
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.baselines.filtering import margins
from noisette.verifier.baselines.linear_models import NUM_FOLDS


def class_centers(features: Float32Array, right: FloatArray, folds: IntArray) -> Float32Array:
    """Mean direction of every class without the rows of each fold, (5, K, D) of length 1.

    Args:
        features: (N, D).
        right: (N, K) P(right class).
        folds: (N,) 0..4.
    """
    parts = []
    for fold in range(NUM_FOLDS):
        rows = folds == fold
        parts.append(right[rows].T.astype(np.float32) @ features[rows])
    sums = np.stack(parts)
    rest = sums.sum(axis=0) - sums
    return unit_rows(rest.reshape(-1, features.shape[1]).astype(np.float32)).reshape(rest.shape)


def center_evidence(unit: Float32Array, centers: Float32Array, folds: IntArray) -> list[Float64Array]:
    """Give cosines to every centre and their margins over the best rival's, (B, K) each in [-2, 2].

    Args:
        unit: (B, D) rows of length 1.
        centers: (5, K, D) from `class_centers`.
        folds: (B,) fold of each row: it is compared with the centres that do not contain it.
    """
    cosines = np.empty((len(unit), centers.shape[1]))
    for fold in np.unique(folds):
        rows = folds == fold
        cosines[rows] = unit[rows] @ centers[fold].T
    alone = cosines.shape[1] == 1  # a single class has no rival
    return [cosines, np.zeros_like(cosines) if alone else margins(cosines)]
