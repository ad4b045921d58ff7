"""What the verified labels say about each class without any model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from noisette.types import MISLABELLED, UNVERIFIED, BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Counts a given class, all (K,).

    Attributes:
        samples: samples that carry the label.
        verified: how many of them are verified.
        wrong: how many of those are mislabelled.
        share: weighted share of wrong labels among the verified ones; 0 where none are.
        effective: Kish's effective number of verified labels, (sum w)^2 / sum w^2.
    """

    samples: IntArray
    verified: IntArray
    wrong: IntArray
    share: Float64Array
    effective: Float64Array

    @classmethod
    def of(cls, given: IntArray, truth: IntArray, weight: Float64Array, num_classes: int) -> Self:
        """Count; `weight` matters on verified rows only."""
        rows = np.flatnonzero(truth != UNVERIFIED)
        labels, weights, is_wrong = given[rows], weight[rows], truth[rows] == MISLABELLED
        samples = np.bincount(given, minlength=num_classes)
        verified = np.bincount(labels, minlength=num_classes)
        wrong = np.bincount(labels[is_wrong], minlength=num_classes)
        total = np.bincount(labels, weights, minlength=num_classes)
        squares = np.bincount(labels, weights**2, minlength=num_classes)
        wrong_weight = np.bincount(labels, weights * is_wrong, minlength=num_classes)
        part, whole = np.where(verified == samples, [wrong, verified], [wrong_weight, total])  # all seen: no estimate
        share = np.divide(part, whole, out=np.zeros(num_classes), where=whole > 0)
        effective = np.divide(total**2, squares, out=np.zeros(num_classes), where=squares > 0)
        return cls(samples.astype(np.int64), verified.astype(np.int64), wrong.astype(np.int64), share, effective)

    @property
    def unverified(self) -> IntArray:
        """Samples of each class that nobody looked at."""
        return self.samples - self.verified

    def trials(self) -> Float64Array:
        """Give the effective number of draws from an endless class that would say as much as the verified labels.

        The finite-population correction: infinite where all samples are verified and nothing is left to guess.
        """
        left = self.unverified
        factor = np.divide(self.samples - 1.0, left, out=np.full(left.size, np.inf), where=left > 0)
        trials: Float64Array = np.where(self.effective > 0, np.maximum(self.effective, 1e-300) * factor, 0.0)
        return trials

    def counted(self, min_verified: int) -> BoolArray:
        """Mask of the classes with enough verified labels, or nothing but verified ones."""
        enough: BoolArray = (self.verified >= min_verified) | ((self.samples > 0) & (self.unverified == 0))
        return enough

    def bounds(self) -> tuple[Float64Array, Float64Array]:
        """Give the rates if every unverified label were correct, and if each were wrong; 0 and 1 for no samples."""
        size = np.maximum(self.samples, 1)
        return self.wrong / size, np.where(self.samples > 0, (self.wrong + self.unverified) / size, 1.0)
