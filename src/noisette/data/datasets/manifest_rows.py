"""The rows of a manifest, one at a time: CSV or TSV lines, or rows of Parquet files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from noisette.data.datasets.manifest_columns import find_columns
from noisette.data.rows import BadRowError, decode
from noisette.data.text_blocks import check_file, iter_blocks
from noisette.errors import DataFileError

Row = tuple[int, Mapping[str, Any] | BadRowError]
"""1-based line (of text) or row (of Parquet), and the cells by our names of their columns, or what is wrong."""

_BATCH = 4096
_PLACES = ("path", "shard", "member")
_EXPECTED = "expected .csv, .tsv, .parquet, or a folder of Parquet parts"


def manifest_files(path: str | Path) -> list[Path]:
    """Give the file of a manifest, or the sorted Parquet parts of a folder.

    Raises:
        DataFileError: it is missing, empty, or no manifest by its name.
    """
    path = check_file(path, may_be_folder=True)
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        if not files:
            raise DataFileError(path, "has no .parquet files; name a .csv, .tsv or .parquet file, or a folder of parts")
        return files
    if path.suffix.lower() not in (".csv", ".tsv", ".parquet"):
        raise DataFileError(path, f"is no manifest by its name; {_EXPECTED}")
    return [path]


def is_text(path: Path) -> bool:
    """Tell whether a manifest is a text file, in whose cells ``dog|cat`` is two labels."""
    return path.suffix.lower() != ".parquet"


def iter_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of one file.

    Raises:
        DataFileError: the file lacks columns that are needed, or is damaged, or a text file has no rows.
    """
    if is_text(path):
        return _text_rows(path, "\t" if path.suffix.lower() == ".tsv" else ",")
    return _parquet_rows(path)


def _text_rows(path: Path, delimiter: str) -> Iterator[Row]:
    columns: dict[str, int] | None = None
    width, some = 0, False
    for line, raw in (pair for block in iter_blocks(path) for pair in block.lines()):
        try:
            fields = _fields(raw, delimiter)
        except BadRowError as error:
            if columns is None and error.kind != "blank line":
                reason = f"must begin with a header row, got {error.kind} ({error.detail})"
                raise DataFileError(path, reason, line=line) from error
            yield line, error
            continue
        if columns is None:
            columns, width = find_columns(path, fields, line=line), len(fields)
            continue
        some = True
        if len(fields) != width:
            yield line, BadRowError("wrong number of columns", f"expected {width}, got {len(fields)}")
        else:
            yield line, {name: fields[at] for name, at in columns.items()}
    if not some:
        raise DataFileError(path, "has a header and no rows" if columns else "has only blank lines")


def _fields(raw: bytes, delimiter: str) -> list[str]:
    """Split a line; cells of a TSV are taken as they are, those of a CSV may be quoted."""
    text = decode(raw)
    if delimiter == "\t":
        return text.split("\t")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise BadRowError("broken quoting", f"{error}; line breaks within quotes are not read") from error


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            schema = file.schema_arrow
            found = find_columns(path, schema.names)
            for at in (found[place] for place in _PLACES if place in found):
                _check_text(path, schema.names[at], schema.types[at])
            columns = {ours: schema.names[at] for ours, at in found.items()}
            start = 1
            for batch in file.iter_batches(_BATCH, columns=list(columns.values()), use_threads=False):
                cells = {ours: _cells(batch.column(name)) for ours, name in columns.items()}
                for row, values in enumerate(zip(*cells.values(), strict=True)):
                    bad = next((value for value in values if isinstance(value, BadRowError)), None)
                    yield start + row, bad or dict(zip(cells, values, strict=True))
                start += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(path, f"is not a whole Parquet file ({error})") from error


def _check_text(path: Path, name: str, kind: pa.DataType) -> None:
    if pa.types.is_struct(kind) and any(field.name == "bytes" for field in kind):
        reason = (
            f"holds the pictures themselves in column {name}, where a manifest has their paths; load it with the "
            "package `datasets`, write it with save_to_disk, and read that folder with --dataset huggingface"
        )
        raise DataFileError(path, reason)
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    if not any(is_known(value) for is_known in (*known, pa.types.is_null)):
        raise DataFileError(path, f"column {name} must hold paths as text, got {kind}")


def _cells(column: pa.Array) -> list[Any]:
    """Give the cells; in place of a text that is not UTF-8, what is wrong with it."""
    try:
        found: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        found = [_cell(cell) for cell in column]
    return found


def _cell(cell: pa.Scalar) -> Any:
    try:
        return cell.as_py()
    except UnicodeDecodeError as error:
        return BadRowError("invalid UTF-8", f"{error.object[:40]!r}")
