"""Made-up features with confusable classes and wrong labels, the truth known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from noisette.types import Float32Array, IntArray
from noisette.verifier.cleannet.batches import CleanNetData, Pairs


@dataclass(frozen=True, eq=False)
class NoisyData:
    features: Float32Array
    given: IntArray
    correct: IntArray

    @property
    def truth(self) -> IntArray:
        """(N,) verification labels, were everything verified."""
        truth: IntArray = (self.given == self.correct).astype(np.int64)
        return truth

    def verified(self, share: float, classes: int, seed: int = 0) -> IntArray:
        """(N,) verification labels of a share of the rows given one of the first `classes` classes."""
        chosen = (np.random.default_rng(seed).random(self.given.size) < share) & (self.given < classes)
        return np.where(chosen, self.truth, -1)


def noisy_data(
    size: int = 600,
    num_features: int = 12,
    num_classes: int = 6,
    seed: int = 0,
    spread: float = 0.6,
) -> NoisyData:
    """Non-negative features around class centres; three labels in ten are drawn anew among other classes."""
    rng = np.random.default_rng(seed)
    correct = rng.integers(num_classes, size=size)
    centres = rng.normal(size=(num_classes, num_features))
    features = np.maximum(0, 1 + centres[correct] + spread * rng.normal(size=(size, num_features)))
    wrong = rng.random(size) < 0.3
    given = np.where(wrong, (correct + rng.integers(1, num_classes, size=size)) % num_classes, correct)
    return NoisyData(features.astype(np.float32), given.astype(np.int64), correct.astype(np.int64))


def cleannet_data(data: NoisyData, verification: IntArray, num_references: int = 4) -> CleanNetData:
    """Tensors for the trainer; the references are the first rows of each class."""
    num_classes = int(data.given.max()) + 1
    references = np.stack([data.features[data.given == k][:num_references] for k in range(num_classes)])
    rows = np.flatnonzero(verification >= 0)
    verified = Pairs(
        torch.from_numpy(data.features[rows]),
        torch.arange(rows.size),
        torch.from_numpy(data.given[rows]),
        torch.from_numpy(verification[rows]),
    )
    rest = np.flatnonzero(verification < 0)
    unverified = Pairs.unverified(torch.from_numpy(data.features[rest]), torch.from_numpy(data.given[rest]))
    return CleanNetData(torch.from_numpy(references), verified, unverified)
