"""Who a row is, told by its content: a stable 64-bit hash of its float32 bytes."""

from __future__ import annotations

import numpy as np

from noisette.types.arrays import FloatArray, HashArray


def row_hashes(features: FloatArray) -> HashArray:
    """Give a (B,) stable 64-bit hash of each row's float32 bytes: the same on every system and in every batch."""
    # Adding 0 turns -0.0 into 0.0, which is the same number in other bytes.
    words = (np.ascontiguousarray(features, dtype="<f4") + np.float32(0)).view("<u4").astype(np.uint64)
    keys = _mix(np.arange(1, words.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    # Multilinear hashing modulo 2^64: two distinct rows collide with a chance of at most 2^-32, far less in practice.
    return _mix(words @ keys)


def _mix(values: HashArray) -> HashArray:
    """Scramble 64-bit numbers (the finaliser of splitmix64)."""
    values = (values + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
