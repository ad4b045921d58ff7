"""Features made equally long in all directions, in which cosines to class centres tell classes apart best.

A few directions make most of the length of features, whatever the class. Whitened by the covariance of all rows, a
cosine to a class centre is a linear discriminant (Fisher, 1936) of few parameters, which wrong labels hardly move.
"""

from __future__ import annotations

import numpy as np

from noisette.types import Float32Array
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.scorer import Arrays

SHRINKAGE = 0.1
"""Added to every eigenvalue of the covariance, in units of their mean, so that rare directions are not blown up."""


def fit_whitening(features: Float32Array) -> Arrays:
    """Learn it from (N, D) rows: "whitening" (D, D) and "whitening_mean" (D,)."""
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = features - mean
    values, vectors = np.linalg.eigh((rows.T @ rows).astype(np.float64) / len(rows))
    floor = SHRINKAGE * max(float(values.mean()), 1e-12)
    scaled = vectors / np.sqrt(np.maximum(values, 0.0) + floor)
    return {"whitening": np.ascontiguousarray(scaled, dtype=np.float32), "whitening_mean": mean}


def whitened_rows(features: Float32Array, arrays: Arrays) -> Float32Array:
    """Give the (B, D) rows whitened and scaled to length 1."""
    return unit_rows((features - arrays["whitening_mean"]) @ arrays["whitening"])
