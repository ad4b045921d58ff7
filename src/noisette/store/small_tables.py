"""Tables of plain columns (scores, samples) as Parquet: the same columns give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import DataFileError, InvalidInputError, ShapeError
from noisette.files import atomic_path

_PREFIX = b"noisette."
Column = np.ndarray | list[str]
"""A column as it is read: text as a list, numbers and truth values as an array."""


def write_table(
    path: str | Path,
    columns: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
    *,
    row_group_rows: int = 65536,
) -> None:
    """Write columns of equal length; no clock, host or path gets into the file.

    Args:
        path: the Parquet file.
        columns: name -> (N,) array of int, float or bool, or N strings; types are kept.
        metadata: texts to keep in the file, see `read_table_metadata`.
        row_group_rows: rows in a row group.

    Raises:
        ShapeError: columns differ in length or have more than one dimension.
        InvalidInputError: a column holds something else than text, numbers or truth values.
    """
    arrays = {name: _arrow_column(name, values) for name, values in columns.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise ShapeError(f"columns must be equally long, got {lengths}")
    kept = {_PREFIX + key.encode(): value.encode() for key, value in sorted((metadata or {}).items())}
    schema = pa.schema([(name, array.type) for name, array in arrays.items()], metadata=kept)
    table = pa.Table.from_arrays(list(arrays.values()), schema=schema)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", compression_level=1, row_group_size=row_group_rows)


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> dict[str, Column]:
    """Read columns (all, or those named) that `write_table` wrote.

    Raises:
        DataFileError: the file is missing or damaged, or lacks a column.
    """
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in columns or () if name not in file.schema_arrow.names]
            if missing:
                has = ", ".join(file.schema_arrow.names)
                raise DataFileError(path, f"has no column {', '.join(missing)}; it has {has}")
            table = file.read(columns=None if columns is None else list(columns))
    except FileNotFoundError:
        raise DataFileError(path, "does not exist; run the step that writes it") from None
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(path, f"is not a Parquet file ({error}); write it again") from error
    return {name: _numpy_column(path, name, table.column(name)) for name in table.column_names}


def read_table_metadata(path: str | Path) -> dict[str, str]:
    """Read the texts that `write_table` was given as `metadata`.

    Raises:
        DataFileError: the file is missing or damaged.
    """
    try:
        found = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(path, f"is not a Parquet file ({error})") from error
    return {
        key.removeprefix(_PREFIX).decode(): value.decode() for key, value in found.items() if key.startswith(_PREFIX)
    }


def _arrow_column(name: str, values: Any) -> pa.Array:
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        if values.ndim != 1:
            raise ShapeError(f"column `{name}` must have one dimension, got shape {values.shape}")
        return pa.array(values)
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowException, TypeError) as error:
        raise InvalidInputError(f"column `{name}` must hold text, or be an array of numbers ({error})") from error


def _numpy_column(path: str | Path, name: str, column: pa.ChunkedArray) -> Column:
    if column.null_count:
        raise DataFileError(path, f"column {name} has {column.null_count} empty cells; write the file again")
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        values: list[str] = column.to_pylist()
        return values
    return np.asarray(column.to_numpy())
