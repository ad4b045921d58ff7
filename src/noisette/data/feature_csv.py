"""Features in CSV files: whole blocks through pyarrow, a block with a bad row line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from noisette.data.column_names import canonical, find_columns
from noisette.data.row_checker import RawRows
from noisette.data.rows import BadRowError, decode, parse_features
from noisette.data.text_blocks import TextBlock, iter_blocks
from noisette.errors import DataFileError
from noisette.types import BadRows

_FLOAT64 = np.dtype(np.float64)
_TEXTS = ("key", "split", "given_label", "verification_label")


def read_csv(path: Path, bad_rows: BadRows, delimiter: str) -> Iterator[RawRows]:
    """Yield the rows of a CSV file; lines that are no rows (blank, wrong number of columns, junk) are reported."""
    layout: _Layout | None = None
    for block in iter_blocks(path):
        if layout is None:
            layout, block = _find_layout(path, block, delimiter)
            if not block.num_lines:
                continue
        raw = _parse_columns(block, layout)
        yield raw if raw is not None else _parse_lines(path, block, layout, bad_rows)
    if layout is not None and layout.is_alone:
        raise DataFileError(path, "has a header and no rows")


@dataclass
class _Layout:
    """Where the columns are: `texts` name -> position, `features` positions."""

    texts: dict[str, int]
    features: list[int]
    num_columns: int
    delimiter: str
    is_alone: bool


def _find_layout(path: Path, block: TextBlock, delimiter: str) -> tuple[_Layout, TextBlock]:
    """Read the header, if there is one, and give the rest of the block."""
    line = next(iter(block.lines()))[1]
    try:
        first = _fields(line, delimiter)
    except BadRowError as error:
        raise DataFileError(path, f"{error.kind}; the first line must be a header or a row", line=1) from error
    has_header = any(canonical(name) not in (None, "ignored") for name in first) or not any(map(_is_number, first))
    if not has_header:
        texts = {} if _is_number(first[0]) else {"key": 0}
        return _Layout(texts, list(range(len(texts), len(first))), len(first), delimiter, False), block
    columns = find_columns(path, first)
    texts = {name: at for name, at in columns.items() if name in _TEXTS}
    other = set(columns.values()) | {at for at, name in enumerate(first) if canonical(name) == "ignored"}
    features = [at for at in range(len(first)) if at not in other]
    if not features:
        raise DataFileError(path, f"has no feature columns, only {', '.join(first)}", line=1)
    rest = block.data[block.data.index(b"\n") + 1 :]
    layout = _Layout(texts, features, len(first), delimiter, not rest)
    return layout, TextBlock(rest, block.first_line + 1, block.num_lines - 1)


def _parse_columns(block: TextBlock, layout: _Layout) -> RawRows | None:
    """Parse a block of regular lines; None if one is not."""
    names = [str(number) for number in range(layout.num_columns)]
    wanted = [names[at] for at in [*layout.texts.values(), *layout.features]]
    types = {names[at]: pa.string() for at in range(len(names))} | {names[at]: pa.float64() for at in layout.features}
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(block.data),
            read_options=pyarrow.csv.ReadOptions(use_threads=False, column_names=names, block_size=len(block.data) + 1),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=layout.delimiter,
                quote_char=False if layout.delimiter == "\t" else '"',
                ignore_empty_lines=False,
            ),
            convert_options=pyarrow.csv.ConvertOptions(column_types=types, include_columns=wanted, null_values=[]),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != block.num_lines:
        return None
    features = np.empty((table.num_rows, len(layout.features)))
    for column, at in enumerate(layout.features):
        features[:, column] = table.column(names[at]).to_numpy()
    texts = {name: table.column(names[at]).to_pylist() for name, at in layout.texts.items()}
    return _raw(np.arange(block.first_line, block.first_line + block.num_lines), features, texts)


def _parse_lines(path: Path, block: TextBlock, layout: _Layout, bad_rows: BadRows) -> RawRows:
    """Parse line by line, reporting lines that are no rows."""
    lines, features = [], []
    texts: dict[str, list[str]] = {name: [] for name in layout.texts}
    for line, raw in block.lines():
        try:
            fields = _fields(raw, layout.delimiter)
            if len(fields) != layout.num_columns:
                raise BadRowError("wrong number of columns", f"expected {layout.num_columns}, got {len(fields)}")
            features.append(parse_features([fields[at] for at in layout.features], None, _FLOAT64))
        except BadRowError as error:
            bad_rows.read()
            bad_rows.add(path, line, error.kind, error.detail)
            continue
        lines.append(line)
        for name, at in layout.texts.items():
            texts[name].append(fields[at])
    values = np.array(features).reshape(len(lines), len(layout.features))
    return _raw(np.array(lines, dtype=np.int64), values, texts)


def _raw(lines: np.ndarray, features: np.ndarray, texts: dict[str, list[str]]) -> RawRows:
    found = [texts.get(name) for name in ("key", "given_label", "verification_label", "split")]
    return RawRows(lines, features, *found)


def _fields(raw: bytes, delimiter: str) -> Sequence[str]:
    """Split a line; cells of a TSV are taken as they are, those of a CSV may be quoted."""
    if delimiter == "\t":
        return decode(raw).split("\t")
    try:
        return next(csv.reader([decode(raw)], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BadRowError("broken quoting", str(error)) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
