"""From the label cells of one image to checked labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from noisette.data.datasets.cells import cell_text, several
from noisette.data.datasets.class_names import class_ids
from noisette.data.rows import (
    BadRowError,
    class_id,
    parse_class,
    parse_verification_label,
    verdict_of,
    whole_number,
)
from noisette.types import NONE_OF_THE_CLASSES, NOT_KNOWN, UNVERIFIED, Sample

_REMEMBERED = 1 << 16
_LARGEST = 1 << 53


class Labels(NamedTuple):
    """One given label with what is known about it; see `Sample`."""

    given_label: int
    verification_label: int
    correct_label: int


class LabelReader:
    """Reads the label cells of rows; a name wins over an id that reads the same.

    Args:
        class_names: names in the order of their ids.
        ids_too: labels may be ids.
        may_split: a text may hold several labels, as ``dog|cat``.
    """

    def __init__(self, class_names: Sequence[str], *, ids_too: bool, may_split: bool) -> None:
        self.class_names, self.ids_too, self.may_split = class_names, ids_too, may_split
        self._ids: Mapping[str, int] = class_ids(class_names)
        self._known_class = lru_cache(_REMEMBERED)(self._class)

    def samples(self, key: str, uri: str, cells: Mapping[str, Any]) -> list[Sample]:
        """Give one sample a label; with several labels the class name completes the key.

        Args:
            key: the key of the image.
            uri: where it is.
            cells: given_label, and where there are any split (checked), verification_label, correct_label.

        Raises:
            BadRowError: a label is missing, unknown, twice there, or two contradict each other.
        """
        labels = self._labels(*(cells.get(name) for name in ("given_label", "verification_label", "correct_label")))
        split = cells.get("split", "train")
        if len(labels) == 1:
            return [Sample(key, labels[0].given_label, split, uri, *labels[0][1:])]
        return [
            Sample(f"{key}|{self.class_names[one.given_label]}", one.given_label, split, uri, *one[1:])
            for one in labels
        ]

    def _labels(self, given: Any, verification: Any, correct: Any) -> list[Labels]:
        givens = [self._given(cell) for cell in several(given, self._ids, may_split=self.may_split)]
        if not givens:
            raise BadRowError("unknown class", "the list is empty")
        if len(givens) > 1 and len(set(givens)) < len(givens):
            twice = next(one for at, one in enumerate(givens) if one in givens[:at])
            raise BadRowError("duplicate label", f"{self.class_names[twice]!r} comes twice")
        verdicts = self._aligned("verification_label", verification, len(givens))
        corrects = self._aligned("correct_label", correct, len(givens))
        rights = [self._correct(cell) for cell in corrects]
        return [
            Labels(one, verdict_of(one, right, _verdict(verdict)), right)
            for one, verdict, right in zip(givens, verdicts, rights, strict=True)
        ]

    def _aligned(self, name: str, cell: Any, size: int) -> list[Any]:
        """Give one cell a given label: as many as there are, or none."""
        if cell is None or cell == "":
            return [None] * size
        cells = several(cell, self._ids, may_split=self.may_split)
        if len(cells) <= 1 and not any(map(cell_text, cells)):
            return [None] * size
        if len(cells) != size:
            raise BadRowError(f"wrong number of {name} values", f"expected {size}, one a given label, got {len(cells)}")
        return cells

    def _given(self, cell: Any) -> int:
        if isinstance(cell, str | int | float):
            return self._known_class(cell)
        return self._class(cell)

    def _class(self, cell: Any) -> int:
        if isinstance(cell, int | float) and cell == cell:
            if abs(cell) > _LARGEST:
                raise BadRowError("unknown class", f"{str(cell)[:40]} is no class id (0, 1, ...)")
            if self.ids_too:
                return class_id(cell, len(self.class_names))
        text = cell_text(cell)
        if not text.strip() and text not in self._ids:
            raise BadRowError("unknown class", "the cell is empty")
        return parse_class(text, self._ids, ids_too=self.ids_too)

    def _correct(self, cell: Any) -> int:
        if cell is None:
            return NOT_KNOWN
        text = cell_text(cell)
        if not text.strip():
            return NOT_KNOWN
        if text not in self._ids and whole_number(text) in (NOT_KNOWN, NONE_OF_THE_CLASSES):
            return int(float(text))
        return self._given(cell)


def _verdict(cell: Any) -> int:
    return UNVERIFIED if cell is None else parse_verification_label(cell_text(cell))
