"""From a verifier's training data to the tensors a CleanNet learns from, within bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from noisette.types import UNVERIFIED, IntArray
from noisette.verifier.cleannet.batches import Pairs, to_tensor
from noisette.verifier.inputs import TrainingData, VerifiedPairs, check_finite

MAX_UNVERIFIED_NUMBERS = 1 << 25
"""Numbers in the sample of unverified rows: 128 MB of float32, or 87,000 rows of 384 numbers."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Features in memory: all verified rows, and all or a sample of the unverified ones.

    Attributes:
        verified: (V, D) features of `TrainingData.verified_rows`.
        verified_labels: (V,) their given labels.
        unverified: one unverified pair a row.
        rows: (V,) the verified rows' numbers.
    """

    verified: Tensor
    verified_labels: Tensor
    unverified: Pairs
    rows: IntArray

    def pairs(self, pairs: VerifiedPairs) -> Pairs:
        """Give verified pairs as tensors."""
        rows = np.searchsorted(self.rows, pairs.rows)
        return Pairs(self.verified, *(torch.from_numpy(a) for a in (rows, pairs.labels, pairs.targets)))

    def everything(self) -> tuple[Tensor, Tensor]:
        """Give all features and their given labels, verified and unverified."""
        features = torch.cat([self.verified, self.unverified.features])
        return features, torch.cat([self.verified_labels, self.unverified.labels])


def take_samples(data: TrainingData, rng: np.random.Generator, max_numbers: int = MAX_UNVERIFIED_NUMBERS) -> Samples:
    """Take the features of the verified rows, and of as many unverified rows as fit into `max_numbers` numbers.

    Where not all fit, every class keeps the same number of rows, drawn at random, and a smaller class all of its own.
    """
    unverified = np.flatnonzero(data.verification_labels == UNVERIFIED)
    room = max(1, max_numbers // data.table.num_features)
    if unverified.size > room:
        unverified = _even_sample(unverified, data.given_labels[unverified], room, rng)
    rows = data.verified_rows
    labels = torch.from_numpy(data.given_labels[unverified])
    features = data.table.take(unverified)
    check_finite(features, unverified)  # one such row would make every weight NaN
    return Samples(
        to_tensor(data.table.take(rows)),
        torch.from_numpy(data.given_labels[rows]),
        Pairs.unverified(to_tensor(features), labels),
        rows,
    )


def _even_sample(rows: IntArray, labels: IntArray, size: int, rng: np.random.Generator) -> IntArray:
    """Choose `size` of the rows, ascending: those that come first when classes take turns, each in random order."""
    order = np.lexsort((rng.random(rows.size), labels))
    counts = np.bincount(labels)
    turn = np.empty(rows.size, dtype=np.int64)
    turn[order] = np.arange(rows.size) - np.repeat(counts.cumsum() - counts, counts)
    chosen: npt.NDArray[np.int64] = np.sort(rows[np.lexsort((rng.random(rows.size), turn))[:size]])
    return chosen
