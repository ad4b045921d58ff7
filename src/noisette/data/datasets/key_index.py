"""A table from keys to small numbers in twelve bytes a key."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from noisette.data.datasets.list_files import Row
from noisette.types import BadRows, IntArray

ABSENT = -1
"""What a key that is not in the table gives."""


class KeyIndex:
    """Finds the number of a key, such as its label.

    It holds a 64-bit hash of each key instead of the key: 12 MB for a million. See `KeyRegister` for what that risks.

    Args:
        rows: (line, (key, number)); numbers are at least 0.
        path: the file they come from, for messages.
        bad_rows: takes rows of a key that came before; the first row of a key counts. None says nothing.
    """

    def __init__(self, rows: Iterable[Row[tuple[str, int]]], path: Path, bad_rows: BadRows | None) -> None:
        hashes, numbers, lines = array("q"), array("i"), array("q")
        for line, (key, number) in rows:
            hashes.append(hash(key))
            numbers.append(number)
            lines.append(line)
        found = np.frombuffer(hashes, dtype=np.int64) if hashes else np.zeros(0, dtype=np.int64)
        order = np.argsort(found, kind="stable")
        found = found[order]
        new = np.r_[True, found[1:] != found[:-1]][: len(found)]
        if bad_rows is not None and not new.all():
            starts = np.maximum.accumulate(np.where(new, np.arange(len(found)), 0))
            pairs = [(lines[order[at]], lines[order[starts[at]]]) for at in np.flatnonzero(~new)]
            for line, before in sorted(pairs):
                bad_rows.add(path, line, "duplicate key", f"line {before} names the same picture")
        self._hashes = found[new]
        self._numbers = np.array(numbers, dtype=np.int32)[order][new]

    def __len__(self) -> int:
        return len(self._hashes)

    def places(self, keys: Sequence[str]) -> IntArray:
        """Give the place of each key in the table, from 0 to its length; `ABSENT` where it is not there."""
        if not len(self._hashes):
            return np.full(len(keys), ABSENT, dtype=np.int64)
        wanted = np.fromiter(map(hash, keys), dtype=np.int64, count=len(keys))
        places = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
        return np.where(self._hashes[places] == wanted, places, ABSENT)

    def numbers_at(self, places: IntArray) -> IntArray:
        """Give the numbers at these places; `ABSENT` for `ABSENT`."""
        if not len(self._numbers):
            return np.full(len(places), ABSENT, dtype=np.int64)
        return np.where(places == ABSENT, ABSENT, self._numbers[places].astype(np.int64))

    def find(self, keys: Sequence[str]) -> IntArray:
        """Give the number of each key, `ABSENT` where there is none."""
        return self.numbers_at(self.places(keys))
