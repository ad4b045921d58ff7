"""Label files: given labels, verification labels and corrections by key or by position."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from noisette.data.key_register import Identity, KeyRegister
from noisette.data.label_tables import read_raw_labels
from noisette.data.raw_labels import LABEL_COLUMNS, RawLabels
from noisette.data.rows import (
    BadRowError,
    class_id,
    parse_class,
    parse_inclusion_probability,
    parse_seconds,
    parse_verification_label,
    whole_number,
)
from noisette.types import NONE_OF_THE_CLASSES, NOT_KNOWN, BadRows, Float64Array, IntArray

LabelColumn = Literal["given_label", "verification_label", "correct_label"]


@dataclass(frozen=True, eq=False)
class LabelTable:
    """M good rows of a label file; a column that the file lacks is None.

    Attributes:
        path: the file.
        rows: (M,) 0-based data rows (bad rows are missing): what aligns a file without keys to its samples.
        lines: (M,) 1-based lines, for messages.
        keys: keys of samples.
        splits: splits of samples.
        given_labels: (M,) class ids.
        verification_labels: (M,) 1 correct, 0 mislabelled, -1 unverified.
        correct_labels: (M,) class ids, -1 not known, -2 none of the classes.
        reviewers: who decided.
        class_names: names found in the file, in the order of the ids given to them, where no class list was passed.
        ignored: names of columns that were not read.
        queues: what drew the samples, such as "audit" or "plan"; "" where the file does not say.
        inclusion_probabilities: (M,) with what chance in (0, 1]; NaN where the file does not say.
        seconds: (M,) how long each decision took; NaN where the file does not say.
    """

    path: Path
    rows: IntArray
    lines: IntArray
    keys: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    given_labels: IntArray | None = None
    verification_labels: IntArray | None = None
    correct_labels: IntArray | None = None
    reviewers: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()
    queues: tuple[str, ...] | None = None
    inclusion_probabilities: Float64Array | None = None
    seconds: Float64Array | None = None

    def __len__(self) -> int:
        return len(self.rows)


def read_label_file(
    path: str | Path,
    bad_rows: BadRows,
    class_names: Sequence[str] | None = None,
    *,
    column: LabelColumn = "given_label",
) -> LabelTable:
    r"""Read a label file: CSV, TSV, text, Parquet or ``.npy``; decisions also from other programs' files.

    Those are exports of Label Studio and labels of FiftyOne (``.json``), and tables with a column ``reviewer:NAME`` a
    reviewer, as cleanlab takes them; they are known by what is in them.

    A header names the columns: key, split, given_label (or label, class, class_name), verification_label,
    correct_label, reviewer, queue, inclusion_probability, seconds. Without one, two columns are key and
    verification_label, and a lone column is `column`. TSV cells are taken as they are; CSV cells may be quoted.

    Args:
        path: the file.
        bad_rows: takes bad rows: unknown class, bad verification label, probability or seconds, empty or duplicate
            key, wrong number of columns, blank line, bytes that are not UTF-8.
        class_names: names in the order of their ids; labels may be names or ids, a name wins. None: if most labels
            are names, the sorted names become the class list; else they are ids.
        column: what a file of one column (or a ``.npy``) holds. Unless that is the given label, the rows are decisions,
            and one sample may have one of each reviewer.

    Raises:
        DataFileError: the file is missing, empty, or has no label column.
        TooManyBadRowsError: by the policy of `bad_rows`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "labels.csv"
        ...     _ = path.write_text("key,label\na.jpg,dog\nb.jpg,cat\n", encoding="utf-8")
        ...     table = read_label_file(path, BadRows())
        >>> table.keys, table.class_names, table.given_labels.tolist()
        (('a.jpg', 'b.jpg'), ('cat', 'dog'), [1, 0])
    """
    raw = read_raw_labels(path, bad_rows, column)
    found = None if class_names is not None else _find_class_names(raw)
    names = class_names if class_names is not None else found
    class_ids = None if names is None else {name: number for number, name in enumerate(names)}
    parsers: dict[str, Callable[[Any], float]] = {
        "given_label": lambda cell: _given(cell, class_ids, ids_too=found is None),
        "verification_label": lambda cell: parse_verification_label(_text(cell)),
        "correct_label": lambda cell: _correct(cell, class_ids, ids_too=found is None),
        "inclusion_probability": lambda cell: parse_inclusion_probability(_text(cell)),
        "seconds": lambda cell: parse_seconds(_text(cell)),
    }
    good, numbers = _check_rows(Path(path), raw, parsers, bad_rows, by_reviewer=column != "given_label")
    bad_rows.check(path)
    labels = {name: numbers[name].astype(np.int64) for name in LABEL_COLUMNS if name in numbers}
    texts = {name: tuple(_text(raw.columns[name][row]) for row in good) for name in raw.columns if name not in parsers}
    return LabelTable(
        Path(path),
        np.array([raw.rows[row] for row in good], dtype=np.int64),
        np.array([raw.lines[row] for row in good], dtype=np.int64),
        texts.get("key"),
        texts.get("split"),
        labels.get("given_label"),
        labels.get("verification_label"),
        labels.get("correct_label"),
        texts.get("reviewer"),
        found,
        raw.ignored,
        texts.get("queue"),
        numbers.get("inclusion_probability"),
        numbers.get("seconds"),
    )


def _check_rows(
    path: Path, raw: RawLabels, parsers: Mapping[str, Callable[[Any], float]], bad_rows: BadRows, *, by_reviewer: bool
) -> tuple[list[int], dict[str, Float64Array]]:
    """Give the good rows, and the columns of those rows that are labels (below 2^53) or numbers."""
    problems: dict[int, BadRowError] = {}
    numbers = {name: np.zeros(len(raw.lines)) for name in parsers if name in raw.columns}
    identities: list[tuple[Identity, ...]] = []
    for row in range(len(raw.lines)):
        try:
            for name, values in numbers.items():
                values[row] = parsers[name](raw.columns[name][row])
            identities.append(_identity(raw, row, by_reviewer))
        except BadRowError as error:
            problems[row] = error
            identities.append(())
    problems |= KeyRegister().add_rows(identities, raw.lines)
    for row, line in enumerate(raw.lines):
        bad_rows.read()
        if row in problems:
            bad_rows.add(path, line, problems[row].kind, problems[row].detail)
    good = [row for row in range(len(raw.lines)) if row not in problems]
    return good, {name: values[good] for name, values in numbers.items()}


def _identity(raw: RawLabels, row: int, by_reviewer: bool) -> tuple[Identity, ...]:
    """Give what a row is known by; nothing in a file without keys."""
    if "key" not in raw.columns:
        return ()
    key = _text(raw.columns["key"][row])
    if not key:
        raise BadRowError("empty key")
    split = _text(raw.columns["split"][row]) if "split" in raw.columns else ""
    if by_reviewer and "reviewer" in raw.columns:
        return ((split, key, _text(raw.columns["reviewer"][row]).strip()),)
    return ((split, key) if "split" in raw.columns else key,)


def _find_class_names(raw: RawLabels) -> tuple[str, ...] | None:
    """Give the sorted class names if most labels are names, else None: then they are ids, and junk is a bad row."""
    cells = {_text(c) for name in ("given_label", "correct_label") if name in raw.columns for c in raw.columns[name]}
    cells -= {"", "-1", "-2"}
    named = sum(whole_number(cell) is None for cell in cells)
    return tuple(sorted(cells)) if 2 * named > len(cells) else None


def _given(cell: Any, class_ids: Mapping[str, int] | None, *, ids_too: bool) -> int:
    if cell is None or cell == "":
        raise BadRowError("unknown class", "the cell is empty")
    if isinstance(cell, str):
        return parse_class(cell, class_ids, ids_too=ids_too)
    return class_id(cell, None if class_ids is None else len(class_ids))


def _correct(cell: Any, class_ids: Mapping[str, int] | None, *, ids_too: bool) -> int:
    text = _text(cell)
    if class_ids is not None and isinstance(cell, str) and text in class_ids:
        return class_ids[text]
    if whole_number(text) in (NOT_KNOWN, NONE_OF_THE_CLASSES):
        return int(float(text))
    return NOT_KNOWN if not text.strip() else _given(cell, class_ids, ids_too=ids_too)


def _text(cell: Any) -> str:
    return "" if cell is None or cell != cell else str(int(cell)) if isinstance(cell, bool) else str(cell)
