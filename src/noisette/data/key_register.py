"""Finding duplicate keys in a file of any length with sixteen bytes a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from noisette.data.rows import BadRowError
from noisette.types import IntArray

Identity = str | tuple[str, str] | tuple[str, str, str]
"""key, (split, key), or (split, key, reviewer)"""

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
        raise self._duplicate([name])

    def add_rows(self, rows: Sequence[Sequence[Identity]], lines: Sequence[int]) -> dict[int, BadRowError]:
        """Take the identities of each row, all of them or none; give what is wrong with the rows that were not taken.

        Args:
            rows: identities, a few a row; a row none of whose identities came before is taken.
            lines: line of each row; 0 where rows have none.

        Returns:
            By place in `rows`, in order, why a row was not taken: it repeats a key of a row that was.
        """
        problems: dict[int, BadRowError] = {}
        self._add_range(rows, lines, 0, len(rows), problems)
        return problems

    def _add_range(
        self,
        rows: Sequence[Sequence[Identity]],
        lines: Sequence[int],
        start: int,
        stop: int,
        problems: dict[int, BadRowError],
    ) -> None:
        """Halve a range until its duplicates stand alone: few look-ups where few rows are bad."""
        names = list(chain.from_iterable(rows[start:stop]))
        if self.add_all(names, [lines[at] for at in range(start, stop) for _ in rows[at]]):
            return
        if stop - start == 1:
            problems[start] = self._duplicate(names)
            return
        middle = (start + stop) // 2
        self._add_range(rows, lines, start, middle, problems)
        self._add_range(rows, lines, middle, stop, problems)

    def _duplicate(self, names: Sequence[Identity]) -> BadRowError:
        """Say which of the identities of a row was there before, or else comes twice in the row."""
        for name in names:
            place = self._find(name)
            if place is not None:
                file, line = divmod(place, _FILE)
                where = f" of {self._files[file]}" if file != len(self._files) - 1 else ""
                said = f"is on line {line}{where} too" if line else "comes twice"
                return BadRowError("duplicate key", f"{_shown(name)} {said}")
        twice = next((name for at, name in enumerate(names) if name in names[:at]), names[-1])
        return BadRowError("duplicate key", f"{_shown(twice)} comes twice in one row")

    def _find(self, name: Identity) -> int | None:
        wanted = np.array([hash(name)])
        for hashes, places in self._runs:
            if _contains(hashes, wanted).any():
                return int(places[np.searchsorted(hashes, wanted[0])])
        return None

    def _append(self, hashes: IntArray, places: IntArray) -> None:
        """Add a sorted run, merging it with those before it that are not much longer."""
        while self._runs and len(self._runs[-1][0]) <= 2 * len(hashes) < _LARGEST_RUN:
            before = self._runs.pop()
            hashes, places = np.concatenate([before[0], hashes]), np.concatenate([before[1], places])
            order = np.argsort(hashes, kind="stable")
            hashes, places = hashes[order], places[order]
        self._runs.append((hashes, places))


def _shown(name: Identity) -> str:
    if isinstance(name, str):
        return repr(name)
    split = f" in split {name[0]!r}" if name[0] else ""
    return f"{name[1]!r}{split}" + (f" by {name[2]!r}" if len(name) == 3 else "")


def _contains(run: IntArray, hashes: IntArray) -> np.ndarray:
    at = np.searchsorted(run, hashes)
    found: np.ndarray = (
        run[np.minimum(at, len(run) - 1)] == hashes if len(run) else np.zeros(len(hashes), dtype=np.bool_)
    )
    return found
