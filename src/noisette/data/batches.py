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


class KeyRegister:
    """Remembers the keys of a file, with their lines, to name duplicates. Identity is (split, key)."""

    def __init__(self) -> None:
        self._lines: dict[str | tuple[str, str], int] = {}

    def add_all(self, keys: list[str], first_line: int) -> bool:
        """Take keys on consecutive lines, if they are all new; else take none and give False."""
        if len(set(keys)) != len(keys) or not self._lines.keys().isdisjoint(keys):
            return False
        self._lines.update(zip(keys, range(first_line, first_line + len(keys)), strict=True))
        return True

    def add(self, key: str, line: int, split: str | None = None) -> int | None:
        """Take one key; give the line it was on before, or None if it is new."""
        name = key if split is None else (split, key)
        before = self._lines.setdefault(name, line)
        return None if before == line else before
