"""Sample weights from a file: score tables of a workspace, exports, or any table of keys and weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from noisette.errors import DataFileError, InvalidInputError

KEYS, WEIGHT, SPLIT = ("key", "path"), "sample_weight", "split"


def read_weights(path: str | Path, *, split: str | None = None) -> dict[str, float]:
    """Read key -> weight from the columns `key` (or `path`) and `sample_weight` of a Parquet, CSV or TSV file.

    Such are `scores/<verifier>.parquet` of a workspace, and tables and file lists of `noisette export`.

    Args:
        path: the file.
        split: rows of this split alone; None = all.

    Raises:
        DataFileError: the file cannot be read, or lacks a column.
        InvalidInputError: two rows have the same key; the remedy is `split`.
    """
    table = _read(Path(path))
    key = next((name for name in KEYS if name in table.column_names), None)
    if key is None or WEIGHT not in table.column_names:
        raise DataFileError(
            path, f"needs the columns {KEYS[0]!r} (or {KEYS[1]!r}) and {WEIGHT!r}, has {table.column_names}"
        )
    if split is not None:
        if SPLIT not in table.column_names:
            raise DataFileError(path, f"has no column {SPLIT!r}; leave `split` out")
        table = table.filter(pa.compute.equal(table[SPLIT], split))
    keys = [str(value) for value in table[key].to_pylist()]
    found = dict(zip(keys, table[WEIGHT].to_pylist(), strict=True))
    if len(found) < len(keys):
        raise InvalidInputError(f"{path}: the key {_twice(keys)!r} is there twice; say which `split` is meant")
    return found


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pa.parquet.read_table(path)
        delimiter = "\t" if path.suffix in (".tsv", ".txt") else ","
        return pa.csv.read_csv(path, parse_options=pa.csv.ParseOptions(delimiter=delimiter))
    except (OSError, pa.ArrowInvalid) as error:
        raise DataFileError(path, f"cannot be read as a table of weights ({error})") from error


def _twice(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    return next(key for key in keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]
