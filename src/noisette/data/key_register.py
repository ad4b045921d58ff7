"""Finding duplicate keys in a file of any length with sixteen bytes a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from noisette.data.rows import BadRowError
from noisette.types import IntArray

Identity = str | tuple[str, str]
"""key, or (split, key)"""

_FILE = 1 << 40
_LARGEST_RUN = 1 << 18


class KeyRegister:
    """Remembers the identities of a table with their lines.

    It holds a 64-bit hash and a place for each row, in sorted runs that are merged as they grow, instead of the keys
    themselves: for a million rows 16 MB, not 200. Two keys of one hash would be taken for one; among a million rows
    the chance of that is 3 in 100,000,000.
    """

    def __init__(self) -> None:
        self._files: list[str] = [""]
        self._runs: list[
            tuple[IntArray, IntArray]
        ] = []  # sorted hashes, and for each number of the file * _FILE + line

    def start_file(self, name: str) -> None:
        """Say that lines from here on are those of another file of the same table."""
        self._files.append(name)

    def add_all(self, names: Sequence[Identity], lines: Iterable[int]) -> bool:
        """Take identities if they are all new; else take none and give False."""
        hashes = np.fromiter(map(hash, names), dtype=np.int64, count=len(names))
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        if (hashes[1:] == hashes[:-1]).any() or any(_contains(run, hashes).any() for run, _ in self._runs):
            return False
        places = np.fromiter(lines, dtype=np.int64, count=len(names)) + (len(self._files) - 1) * _FILE
        self._append(hashes, places[order])
        return True

    def add(self, name: Identity, line: int) -> None:
        """Take one identity, or raise `BadRowError` if the table had it before."""
        if self.add_all([name], [line]):
            return
        file, line_before = divmod(self._find(name), _FILE)
        shown = repr(name) if isinstance(name, str) else f"{name[1]!r} in split {name[0]!r}"
        where = f" of {self._files[file]}" if file != len(self._files) - 1 else ""
        raise BadRowError("duplicate key", f"{shown} is on line {line_before}{where} too")

    def _find(self, name: Identity) -> int:
        wanted = np.array([hash(name)])
        hashes, places = next(run for run in self._runs if _contains(run[0], wanted).any())
        return int(places[np.searchsorted(hashes, wanted[0])])

    def _append(self, hashes: IntArray, places: IntArray) -> None:
        """Add a sorted run, merging it with those before it that are not much longer."""
        while self._runs and len(self._runs[-1][0]) <= 2 * len(hashes) < _LARGEST_RUN:
            before = self._runs.pop()
            hashes, places = np.concatenate([before[0], hashes]), np.concatenate([before[1], places])
            order = np.argsort(hashes, kind="stable")
            hashes, places = hashes[order], places[order]
        self._runs.append((hashes, places))


def _contains(run: IntArray, hashes: IntArray) -> np.ndarray:
    at = np.searchsorted(run, hashes)
    found: np.ndarray = (
        run[np.minimum(at, len(run) - 1)] == hashes if len(run) else np.zeros(len(hashes), dtype=np.bool_)
    )
    return found
