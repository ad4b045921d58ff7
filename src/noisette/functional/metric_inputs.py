"""Door checks that the metrics share."""

from __future__ import annotations

import numpy as np

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.types import ArrayLike, Float64Array, IntArray, as_numpy


def check_binary(values: ArrayLike, name: str, size: int | None = None) -> IntArray:
    """Check a vector of 0 and 1 (or of booleans)."""
    array = as_numpy(values)
    if array.ndim != 1 or (size is not None and array.size != size):
        raise ShapeError(f"`{name}` must have shape ({'N' if size is None else size},), got {array.shape}")
    if array.size == 0:
        raise InvalidInputError(f"`{name}` is empty; a metric needs at least one verified sample")
    bad = np.flatnonzero(~np.isin(array, (0, 1)))
    if bad.size:
        raise InvalidInputError(
            f"`{name}` must hold only 0 and 1, got {array[bad[0]]} at position {bad[0]}; leave unverified samples out"
        )
    return array.astype(np.int64)


def check_finite(values: ArrayLike, name: str, size: int) -> Float64Array:
    """Check a vector of `size` finite numbers."""
    array = as_numpy(values).astype(np.float64)
    if array.shape != (size,):
        raise ShapeError(f"`{name}` must have shape ({size},), got {array.shape}")
    if not np.isfinite(array).all():
        raise InvalidInputError(f"`{name}` must be finite, got {array[~np.isfinite(array)][0]}; leave such samples out")
    return array


def check_probability(values: ArrayLike, size: int) -> Float64Array:
    """Check a vector of `size` numbers in [0, 1]."""
    array = check_finite(values, "probability", size)
    bad = np.flatnonzero((array < 0) | (array > 1))
    if bad.size:
        raise InvalidInputError(
            f"`probability` must lie in [0, 1], got {array[bad[0]]} at position {bad[0]}; calibrate the scores first"
        )
    return array


def check_weights(values: ArrayLike | None, size: int) -> Float64Array:
    """Check a vector of `size` weights >= 0 that do not all vanish; None = all 1."""
    if values is None:
        return np.ones(size)
    array = check_finite(values, "sample_weight", size)
    if (array < 0).any() or array.sum() == 0:
        raise InvalidInputError("`sample_weight` must be at least 0 everywhere and above 0 somewhere")
    return array


def check_labels(values: ArrayLike, size: int, num_classes: int | None) -> IntArray:
    """Check a vector of `size` class ids in 0..num_classes-1."""
    array = as_numpy(values)
    if array.shape != (size,):
        raise ShapeError(f"`given_labels` must have shape ({size},), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise InvalidInputError(f"`given_labels` must hold whole numbers, got dtype {array.dtype}; use class ids")
    bad = np.flatnonzero((array < 0) | (False if num_classes is None else array >= num_classes))
    if bad.size:
        top = "K" if num_classes is None else num_classes
        raise UnknownClassError(
            f"`given_labels` must lie in 0..{top}-1, got {array[bad[0]]} at position {bad[0]}; give `num_classes` = K"
        )
    return array.astype(np.int64)
