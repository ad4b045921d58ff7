"""Decisions as the wide table of cleanlab's multi-annotator functions: a row a sample, a column a reviewer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from noisette.data.label_writer import write_label_file
from noisette.data.raw_labels import RawLabels
from noisette.data.rows import whole_number
from noisette.types import CORRECT, Review

REVIEWER_PREFIX = "reviewer:"


def write_cleanlab_table(path: Path, reviews: Sequence[Review]) -> int:
    """Write key, split, given_label and a column ``reviewer:NAME`` each with the class id that he said; else empty.

    It goes into ``cleanlab.multiannotator`` as it is: ``table.filter(like="reviewer:")`` are the labels. What names no
    class (unsure, none of the classes, wrong but not known what) has no place in it.

    Args:
        path: .csv, .tsv or .parquet.
        reviews: those of one sample one after the other.

    Returns:
        The number of decisions left out.
    """
    reviewers = sorted({review.reviewer for review in reviews})
    columns: dict[str, list[Any]] = {name: [] for name in ("key", "split", "given_label")}
    said: dict[str, list[int | None]] = {reviewer: [] for reviewer in reviewers}
    left_out = 0
    for (split, key), group in groupby(reviews, key=lambda one: (one.split, one.key)):
        decisions = {one.reviewer: one for one in group}
        labels = {who: _label(one) for who, one in decisions.items()}
        left_out += sum(label is None for label in labels.values())
        if all(label is None for label in labels.values()):
            continue
        columns["key"].append(key)
        columns["split"].append(split)
        columns["given_label"].append(next(reversed(decisions.values())).given_label)
        for reviewer in reviewers:
            said[reviewer].append(labels.get(reviewer))
    wide: dict[str, Any] = {
        f"{REVIEWER_PREFIX}{reviewer}": pa.array(labels, pa.int64()) for reviewer, labels in said.items()
    }
    write_label_file(path, columns | wide)
    return left_out


def melt_cleanlab_table(raw: RawLabels) -> RawLabels:
    """Turn a row a sample into a row a decision; what was said is the right class, by its id."""
    columns: dict[str, list[Any]] = {name: [] for name in (*_shared(raw), "reviewer", "correct_label")}
    rows: list[int] = []
    lines: list[int] = []
    reviewers = [name for name in raw.columns if name.startswith(REVIEWER_PREFIX)]
    for at, line in enumerate(raw.lines):
        for name in reviewers:
            label = _id(raw.columns[name][at])
            if label is None:
                continue
            for shared in _shared(raw):
                cell = raw.columns[shared][at]
                columns[shared].append(_id(cell) if shared == "given_label" else cell)
            columns["reviewer"].append(name.removeprefix(REVIEWER_PREFIX))
            columns["correct_label"].append(label)
            rows.append(raw.rows[at])
            lines.append(line)
    return RawLabels(columns, rows, lines, raw.ignored)


def _shared(raw: RawLabels) -> list[str]:
    return [name for name in ("key", "split", "given_label") if name in raw.columns]


def _id(cell: Any) -> Any:
    """Give a class id as a number, so that no class of that name is meant; None for an empty cell."""
    if cell is None or cell != cell or cell == "":
        return None
    number = whole_number(str(cell))
    return cell if number is None else number


def _label(review: Review) -> int | None:
    if review.verification_label == CORRECT:
        return review.given_label
    return review.correct_label if review.correct_label >= 0 else None
