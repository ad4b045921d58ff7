"""Small detection problems that the tests of the verifiers share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.types import IntArray

K, D = 6, 8


@dataclass(frozen=True, eq=False)
class Problem:
    """A small detection problem: features (N, D) float32, and (N,) labels of each sort."""

    features: np.ndarray
    given: IntArray
    truth: IntArray
    verified: IntArray

    @property
    def correct(self) -> IntArray:
        """Correct labels of the mislabelled verified rows, -1 elsewhere."""
        return np.where(self.verified == 0, self.truth, -1)


def make_problem(per_class: int = 40, seed: int = 0, verified_classes: int = 5, share: float = 0.6) -> Problem:
    """Six Gaussian classes, a quarter of the labels wrong, some of the labels of the first classes verified."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(K), per_class)
    features = (rng.normal(size=(K, D))[truth] * 2 + rng.normal(size=(truth.size, D))).astype(np.float32)
    given = np.where(rng.random(truth.size) < 0.25, (truth + rng.integers(1, K, truth.size)) % K, truth)
    chosen = (given < verified_classes) & (rng.random(truth.size) < share)
    return Problem(features, given, truth, np.where(chosen, given == truth, -1))


def make_noise(size: int, num_classes: int, seed: int) -> Problem:
    """Features, labels and verification labels that know nothing of each other; every row is verified."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(size, D)).astype(np.float32)
    given = rng.permutation(np.arange(size) % num_classes)
    return Problem(features, given, given, (rng.random(size) < 0.6).astype(np.int64))
