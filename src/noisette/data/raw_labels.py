"""Cells of a label file of any kind, before anything is checked, and how labels are put into words there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LABEL_COLUMNS = ("given_label", "verification_label", "correct_label")
KNOWN_COLUMNS = ("key", "split", "reviewer", "queue", "inclusion_probability", "seconds", *LABEL_COLUMNS)

NONE_WORDS = "none of the classes"
VERDICT_WORDS = {1: "correct", 0: "wrong", -1: "unsure"}


@dataclass(frozen=True)
class RawLabels:
    """Cells as they are in the file: texts, numbers, or None; `rows` counts data rows from 0, `lines` lines from 1."""

    columns: dict[str, list[Any]]
    rows: list[int]
    lines: list[int]
    ignored: tuple[str, ...] = ()


def counted(columns: dict[str, list[Any]], size: int, ignored: tuple[str, ...] = ()) -> RawLabels:
    """Give the cells of a file whose rows have no lines of their own."""
    return RawLabels(columns, list(range(size)), list(range(1, size + 1)), ignored)
