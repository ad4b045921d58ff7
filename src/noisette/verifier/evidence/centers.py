"""Evidence of the class centres: how near is the sample to the mean of its class, and to that of the nearest other?

A centre is the mean over all samples, each counted by the probability that the class is its right one.
"""

from __future__ import annotations

import numpy as np

from noisette.types import Float32Array, Float64Array, FloatArray
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.baselines.filtering import margins


def class_centers(features: Float32Array, right: FloatArray) -> Float32Array:
    """Mean direction of every class, (K, D) of length 1, from (N, D) features and (N, K) P(right class)."""
    return unit_rows((right.T.astype(np.float32) @ features).astype(np.float32))


def center_evidence(unit: Float32Array, centers: Float32Array) -> list[Float64Array]:
    """Give cosines to every centre and their margins over the best rival's, (B, K) each in [-2, 2]."""
    cosines = np.asarray(unit @ centers.T, dtype=np.float64)
    alone = cosines.shape[1] == 1  # a single class has no rival
    return [cosines, np.zeros_like(cosines) if alone else margins(cosines)]
