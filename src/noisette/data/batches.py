"""What every reader of foreign feature files yields, and the checks that they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from noisette.types import FloatArray, IntArray

FeatureType = Literal["float32", "float64"]


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """B rows of a feature file, every one checked.

    Attributes:
        keys: (B,) keys; the 0-based row number as text where the file has none.
        features: (B, D) finite numbers, float32 unless the reader was asked for float64.
        given_labels: (B,) class ids, where the file has them.
        verification_labels: (B,) 1 correct, 0 mislabelled, -1 unverified, where the file has them.
        lines: (B,) 1-based line numbers of text files, 1-based row numbers of arrays and Parquet.
        splits: (B,) names of splits, where the file has them.
    """

    keys: list[str]
    features: FloatArray
    given_labels: IntArray | None
    verification_labels: IntArray | None
    lines: IntArray
    splits: list[str] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def where(self, keep: IntArray) -> FeatureBatch:
        """Give the rows of the batch with these (ascending) numbers."""
        if len(keep) == len(self):
            return self
        return FeatureBatch(
            [self.keys[row] for row in keep],
            self.features[keep],
            None if self.given_labels is None else self.given_labels[keep],
            None if self.verification_labels is None else self.verification_labels[keep],
            self.lines[keep],
            None if self.splits is None else [self.splits[row] for row in keep],
        )

    def pieces(self, batch_size: int) -> Iterator[FeatureBatch]:
        """Cut into batches of at most `batch_size` rows; an empty batch gives none."""
        for start in range(0, len(self), batch_size):
            yield self.where(np.arange(start, min(start + batch_size, len(self))))
