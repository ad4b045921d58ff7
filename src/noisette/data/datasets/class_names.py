"""Class names: those the user gives, or those found in the label cells of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from noisette.data.datasets.cells import cell_text
from noisette.data.datasets.file_names import is_usable
from noisette.data.rows import BadRowError, whole_number
from noisette.errors import DataFileError, InvalidInputError

MOST_CLASSES = 1_000_000
"""More different labels than this are taken for a mistake."""


def class_ids(class_names: Sequence[str]) -> dict[str, int]:
    """Give the class id of every name.

    Raises:
        InvalidInputError: a name comes twice.
    """
    ids = {name: number for number, name in enumerate(class_names)}
    if len(ids) < len(class_names):
        twice = next(name for number, name in enumerate(class_names) if ids[name] != number)
        raise InvalidInputError(f"`class_names` must hold each name once, got {twice!r} twice")
    return ids


class ClassFinder:
    """Collects the labels of a data set, to find its classes in a first pass; holds each different label once.

    Args:
        path: the file or folder, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cells: set[str] = set()

    def add(self, cells: Iterable[Any]) -> None:
        """Take label cells: names, ids, or what a second look will find to be no label."""
        for cell in cells:
            if isinstance(cell, str) and cell in self._cells:
                continue
            try:
                text = cell_text(cell)
            except BadRowError:
                continue
            if text not in self._cells and text.strip() and is_usable(text):
                self._cells.add(text)
        if len(self._cells) > MOST_CLASSES:
            raise DataFileError(
                self.path, f"has over {MOST_CLASSES:,} different labels; name the right column, or give a class list"
            )

    def found(self) -> tuple[tuple[str, ...], bool]:
        """Give the class names, and whether labels are ids.

        Where most labels are names, the sorted names; else labels are ids, the names are "0" to the largest id, and
        what is no number is a bad row.
        """
        cells = self._cells - {"-1", "-2"}
        numbers = [number for number in map(whole_number, cells) if number is not None]
        if 2 * (len(cells) - len(numbers)) > len(cells):
            return tuple(sorted(cells)), False
        largest = max(numbers, default=-1)
        if largest >= MOST_CLASSES:
            reason = f"has class id {largest}, and ids count classes from 0; give a class list if these are names"
            raise DataFileError(self.path, reason)
        return tuple(map(str, range(largest + 1))), True
