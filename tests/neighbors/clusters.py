"""Rows as features are: classes, each a curved-enough cloud of few dimensions, with a little noise around it."""

from __future__ import annotations

import numpy as np


def clustered_rows(size: int, num_classes: int, *, num_features: int = 24, dims: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(num_classes, num_features))
    bases = rng.normal(size=(num_classes, dims, num_features)) / 4
    labels = rng.integers(num_classes, size=size)
    rows = centres[labels] + np.einsum("nd,ndf->nf", rng.normal(size=(size, dims)), bases[labels])
    rows += rng.normal(size=rows.shape) / 20
    features: np.ndarray = rows.astype(np.float32)
    return features
