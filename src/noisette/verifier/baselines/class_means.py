"""Unit-length class means in one streaming pass, and cosines to them: what several baselines compare samples with."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from noisette.types import FeatureTable, Float32Array, Float64Array, FloatArray, IntArray
from noisette.verifier.inputs import batch_rows, check_finite


def class_means(table: FeatureTable, labels: IntArray, num_classes: int) -> Float32Array:
    """Mean of the raw features of each class, scaled to unit length.

    Args:
        table: N rows of D features, read once in batches; O(K D) memory.
        labels: (N,) class ids in 0..K-1.
        num_classes: K.

    Returns:
        (K, D) rows of length 1 (0 where the mean is the zero vector, NaN for a class without samples).

    Raises:
        InvalidInputError: a feature is NaN or infinite.
    """
    sums, start = np.zeros((num_classes, table.num_features)), 0
    for block in table.iter_batches(batch_rows(table.num_features)):
        size = block.shape[0]
        check_finite(block, range(start, start + size))
        part = labels[start : start + size]
        members = csr_matrix((np.ones(size), (part, np.arange(size))), shape=(num_classes, size))
        sums += members @ block.astype(np.float64)
        start += size
    means = unit_rows(sums)
    means[np.bincount(labels, minlength=num_classes) == 0] = np.nan
    return means


def unit_rows(features: FloatArray) -> Float32Array:
    """Scale each row of (B, D) to length 1; a zero row stays zero, a row with NaN or infinity becomes NaN."""
    # Squares in float64: those of large float32 numbers would overflow.
    norms = np.sqrt(np.einsum("bd,bd->b", features, features, dtype=np.float64))
    norms[norms == 0] = 1.0
    norms[~np.isfinite(norms)] = np.nan
    return np.asarray(features / norms[:, None], dtype=np.float32)


def cosine_to_given(features: FloatArray, labels: IntArray, means: Float32Array) -> Float64Array:
    """Cosine of each row to the mean of its given class, (B,) in [-1, 1]; 0 for a zero row."""
    cosine: Float64Array = np.einsum("bd,bd->b", unit_rows(features), means[labels]).astype(np.float64)
    return np.clip(cosine, -1.0, 1.0)


def cosine_to_all(features: FloatArray, means: Float32Array) -> Float64Array:
    """Cosine of each row to every class mean, (B, K) in [-1, 1]; -inf for a class without samples."""
    cosine = np.clip((unit_rows(features) @ means.T).astype(np.float64), -1.0, 1.0)
    cosine[:, np.isnan(means).any(axis=1)] = -np.inf
    return cosine
