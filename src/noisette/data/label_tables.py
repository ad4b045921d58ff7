"""Label files of any kind as columns of cells, before anything is checked."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from noisette.data.cleanlab_table import REVIEWER_PREFIX, melt_cleanlab_table
from noisette.data.column_names import canonical, find_columns
from noisette.data.feature_arrays import load_npy
from noisette.data.label_json import read_label_json
from noisette.data.raw_labels import KNOWN_COLUMNS, LABEL_COLUMNS, RawLabels, counted
from noisette.data.rows import BadRowError, decode
from noisette.data.text_blocks import check_file, iter_blocks
from noisette.errors import DataFileError
from noisette.types import BadRows


def read_raw_labels(path: str | Path, bad_rows: BadRows, column: str) -> RawLabels:
    """Read the cells of a label file.

    Raises:
        DataFileError: the file is missing, empty, or not a label file.
    """
    path = check_file(path)
    match path.suffix.lower():
        case ".npy":
            raw = _from_npy(path, column)
        case ".parquet":
            raw = _from_parquet(path, column)
        case ".csv" | ".tsv" | ".txt":
            raw = _from_text(path, bad_rows, column)
        case ".json":
            raw = read_label_json(path, bad_rows)
        case _:
            reason = "is no label file by its name; expected .csv, .tsv, .txt, .parquet, .json or .npy"
            raise DataFileError(path, reason)
    if any(name.startswith(REVIEWER_PREFIX) for name in raw.columns):
        raw = melt_cleanlab_table(raw)
    if not any(name in raw.columns for name in LABEL_COLUMNS):
        raise DataFileError(path, f"has none of the columns {', '.join(LABEL_COLUMNS)}; add a header that names them")
    return raw


def _from_npy(path: Path, column: str) -> RawLabels:
    values = load_npy(path)
    if values.ndim != 1 or values.dtype.kind not in "iufbU":
        raise DataFileError(path, f"must hold one label a sample, shape (N,), got {values.dtype} of {values.shape}")
    return counted({column: values.tolist()}, len(values))


def _from_parquet(path: Path, column: str) -> RawLabels:
    try:
        names = pq.read_schema(path).names
        found = find_columns(path, names) or ({column: 0} if len(names) == 1 else {})
        wanted = {ours: names[at] for ours, at in found.items() if ours in KNOWN_COLUMNS}
        wanted |= {name: name for name in names if name.startswith(REVIEWER_PREFIX)}
        table = pq.read_table(path, columns=list(wanted.values()))
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(path, f"is not a Parquet file ({error})") from error
    ignored = tuple(name for name in names if name not in wanted.values() and canonical(name) != "features")
    cells = {ours: table.column(name).to_pylist() for ours, name in wanted.items()}
    return counted(cells, table.num_rows, ignored)


def _from_text(path: Path, bad_rows: BadRows, column: str) -> RawLabels:
    delimiter = _delimiter(path)
    layout: dict[str, int] | None = None
    num_columns, first_line, ignored = 0, 1, tuple[str, ...]()
    columns: dict[str, list[Any]] = {}
    lines: list[int] = []
    for line, raw in (pair for block in iter_blocks(path) for pair in block.lines()):
        try:
            fields = _fields(raw, delimiter)
            if layout is None:
                layout, has_header = _find_layout(path, fields, column)
                num_columns, columns = len(fields), {name: [] for name in layout}
                if has_header:
                    first_line = line + 1
                    ignored = tuple(name for at, name in enumerate(fields) if at not in layout.values())
                    continue
                first_line = line
            if len(fields) != num_columns:
                raise BadRowError("wrong number of columns", f"expected {num_columns}, got {len(fields)}")
        except BadRowError as error:
            bad_rows.read()
            bad_rows.add(path, line, error.kind, error.detail)
            continue
        lines.append(line)
        for name, at in layout.items():
            columns[name].append(fields[at])
    return RawLabels(columns, [line - first_line for line in lines], lines, ignored)


def _delimiter(path: Path) -> str | None:
    """Commas in .csv, tabs in .tsv; in .txt tabs if the first line has one, else a line is one cell (None)."""
    if path.suffix.lower() == ".csv":
        return ","
    first = next(next(iter_blocks(path)).lines())[1]
    return "\t" if path.suffix.lower() == ".tsv" or b"\t" in first else None


def _fields(raw: bytes, delimiter: str | None) -> list[str]:
    text = decode(raw)
    if delimiter is None:
        return [text.strip()]
    if delimiter == "\t":
        return text.split("\t")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise BadRowError("broken quoting", str(error)) from error


def _find_layout(path: Path, first: list[str], column: str) -> tuple[dict[str, int], bool]:
    """Tell the columns from the first line, and whether it is a header."""
    if any(canonical(name) in KNOWN_COLUMNS for name in first):
        layout = {name: at for name, at in find_columns(path, first).items() if name in KNOWN_COLUMNS}
        return layout | {name: at for at, name in enumerate(first) if name.startswith(REVIEWER_PREFIX)}, True
    if len(first) == 1:
        return {column: 0}, False
    if len(first) != 2 or first[1].strip() not in ("1", "0", "-1"):
        raise DataFileError(
            path,
            "has no header, so it must have two columns, key and verification_label (1, 0 or -1); add a header such as "
            "key,given_label",
            line=1,
        )
    return {"key": 0, "verification_label": 1}, False
