"""The samples of a workspace on disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import DataFileError
from noisette.store.small_tables import read_table, write_table
from noisette.types import SampleTable

_ROWS_AT_ONCE = 8192
_COLUMNS = ("split", "key", "uri", "given_label")


def write_samples(path: str | Path, samples: SampleTable) -> None:
    """Write samples as Parquet with columns split, key, uri, given_label (int32).

    Raises:
        InvalidInputError: a (split, key) appears twice.
    """
    samples.check_unique()
    labels = samples.given_labels.astype(np.int32)
    write_table(path, dict(zip(_COLUMNS, (samples.splits, samples.keys, samples.uris, labels), strict=True)))


def read_samples(path: str | Path) -> SampleTable:
    """Read what `write_samples` wrote.

    Raises:
        DataFileError: the file is missing, damaged, or holds other columns.
    """
    columns = read_table(path, _COLUMNS)
    splits, keys, uris, labels = (columns[name] for name in _COLUMNS)
    if isinstance(labels, list) or not (isinstance(splits, list) and isinstance(keys, list) and isinstance(uris, list)):
        raise DataFileError(path, "must hold text in split, key and uri, and numbers in given_label")
    shared = [sys.intern(split) for split in splits]  # a handful of names, not one string a row
    return SampleTable(shared, keys, uris, labels.astype(np.int64))


def count_samples(path: str | Path) -> int:
    """Count the samples of a file without reading them.

    Raises:
        DataFileError: the file is missing or damaged.
    """
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(path, f"is not a Parquet file ({error}); make the workspace again") from error


def iter_sample_batches(
    path: str | Path, batch_size: int, skip_batches: int = 0
) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Yield (splits, keys, uris) of `batch_size` samples at a time (fewer in the last), in order.

    Memory does not grow with the number of samples. `skip_batches` go unread but for the row group they end in.
    """
    columns = ["split", "key", "uri"]
    skip = skip_batches * batch_size
    with pq.ParquetFile(path) as file:
        groups = list(range(file.num_row_groups))
        while groups and skip >= file.metadata.row_group(groups[0]).num_rows:
            skip -= file.metadata.row_group(groups.pop(0)).num_rows
        waiting: list[tuple[str, str, str]] = []
        for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=groups, columns=columns):
            rows = list(zip(*(batch.column(name).to_pylist() for name in columns), strict=True))
            skip, rows = max(0, skip - len(rows)), rows[skip:]
            waiting.extend(rows)
            while len(waiting) >= batch_size:
                yield _columns(waiting[:batch_size])
                waiting = waiting[batch_size:]
        if waiting:
            yield _columns(waiting)


def _columns(rows: list[tuple[str, str, str]]) -> tuple[list[str], list[str], list[str]]:
    splits, keys, uris = (list(column) for column in zip(*rows, strict=True))
    return splits, keys, uris
