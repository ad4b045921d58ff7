"""Features in Parquet files of other programs, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.data.column_names import feature_number, find_columns, is_numbered_feature
from noisette.data.row_checker import RawRows
from noisette.errors import DataFileError


def read_parquet(path: Path, batch_size: int) -> Iterator[RawRows]:
    """Yield the rows of one Parquet file."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = file.schema_arrow.names
            columns = find_columns(path, names)
            features = _feature_columns(path, file.schema_arrow, columns)
            small = [names[at] for ours, at in columns.items() if ours not in ("features", "correct_label", "reviewer")]
            start = 1
            for batch in file.iter_batches(batch_size, columns=[*small, *features], use_threads=False):
                yield _raw(batch, features, {ours: names[at] for ours, at in columns.items()}, start)
                start += batch.num_rows
            if start == 1:
                raise DataFileError(path, "has no rows")
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(path, f"is not a whole Parquet file ({error})") from error


def _feature_columns(path: Path, schema: pa.Schema, columns: dict[str, int]) -> list[str]:
    if "features" in columns:
        kind = schema.types[columns["features"]]
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if is_list and _is_number(kind.value_type):
            return [schema.names[columns["features"]]]
        raise DataFileError(path, f"column {schema.names[columns['features']]} must hold lists of numbers, got {kind}")
    numbered = sorted(filter(is_numbered_feature, schema.names), key=feature_number)
    if not numbered:
        got = ", ".join(schema.names)
        raise DataFileError(path, f"must have a list column `features` or number columns f0, f1, ..., got {got}")
    for name in numbered:
        if not _is_number(schema.field(name).type):
            raise DataFileError(path, f"column {name} must hold numbers, got {schema.field(name).type}")
    return numbered


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind))


def _raw(batch: pa.RecordBatch, features: list[str], columns: dict[str, str], start: int) -> RawRows:
    """Give a batch as it came; text stays text, numbers stay numbers, a missing cell is None (or an empty key)."""

    def cells(ours: str) -> list[Any] | None:
        return batch.column(columns[ours]).to_pylist() if ours in columns else None

    def texts(ours: str) -> list[str] | None:
        found = cells(ours)
        return None if found is None else ["" if cell is None else str(cell) for cell in found]

    if len(features) == 1 and "features" in columns:
        values = _lists(batch.column(features[0]))
    else:
        values = np.column_stack([_numbers(batch.column(name)) for name in features])
    lines = np.arange(start, start + batch.num_rows)
    return RawRows(lines, values, texts("key"), cells("given_label"), cells("verification_label"), texts("split"))


def _lists(column: pa.Array) -> Any:
    """Give (B, D) numbers where all lists are whole and equally long, else a list of vectors (None: no list)."""
    if not column.null_count:
        flat = column.flatten()
        widths = {column.type.list_size} if pa.types.is_fixed_size_list(column.type) else set(_lengths(column))
        if len(widths) == 1 and not flat.null_count:
            return flat.to_numpy(zero_copy_only=False).reshape(len(column), widths.pop())
    missing = float("nan")
    rows = column.to_pylist()
    return [None if row is None else [missing if cell is None else cell for cell in row] for row in rows]


def _lengths(column: pa.Array) -> list[int]:
    lengths: list[int] = np.diff(column.offsets.to_numpy()).tolist()
    return lengths


def _numbers(column: pa.Array) -> np.ndarray:
    """Give a number column with NaN for missing cells."""
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
