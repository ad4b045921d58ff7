"""What every reader of foreign feature files yields, and the checks that they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from noisette.data.rows import BadRowError
from noisette.types import FloatArray, IntArray

Identity = str | tuple[str, str]
FeatureType = Literal["float32", "float64"]
_FILE = 1 << 40


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
    """Remembers the identities (key, or split and key) of a table with their lines, to name duplicates."""

    def __init__(self) -> None:
        self._files: list[str] = [""]
        self._places: dict[Identity, int] = {}  # number of the file * _FILE + line: one small integer a row

    def start_file(self, name: str) -> None:
        """Say that lines from here on are those of another file of the same table."""
        self._files.append(name)

    def add_all(self, names: Sequence[Identity], lines: Iterable[int]) -> bool:
        """Take identities if they are all new; else take none and give False."""
        if len(set(names)) != len(names) or not self._places.keys().isdisjoint(names):
            return False
        start = (len(self._files) - 1) * _FILE
        self._places.update(zip(names, (start + line for line in lines), strict=True))
        return True

    def add(self, name: Identity, line: int) -> None:
        """Take one identity, or raise `BadRowError` if the table had it before."""
        before = self._places.get(name)
        if before is not None:
            file, line_before = divmod(before, _FILE)
            shown = repr(name) if isinstance(name, str) else f"{name[1]!r} in split {name[0]!r}"
            where = f" of {self._files[file]}" if file != len(self._files) - 1 else ""
            raise BadRowError("duplicate key", f"{shown} is on line {line_before}{where} too")
        self._places[name] = (len(self._files) - 1) * _FILE + line
