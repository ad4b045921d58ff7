"""One Parquet file of a feature table: whole or absent, and the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import InvalidInputError
from noisette.files import atomic_path
from noisette.store.manifest import StoredType
from noisette.types import Float32Array

KeyedRows = tuple[list[str], list[str], Float32Array]
"""(splits, keys, (B, D) features) of B rows."""

SETTINGS = b"noisette"
_ROW_GROUP_NUMBERS = 1 << 22
_ENCODING = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": ["split"],
    "use_byte_stream_split": ["features.list.element"],
    "write_statistics": ["split"],
}


def row_group_rows(num_features: int) -> int:
    """Rows in a row group, 2,048 to 8,192: near 16 MB of float32 where D allows."""
    return max(2048, min(8192, _ROW_GROUP_NUMBERS // max(1, num_features)))


def write_part(
    path: Path, groups: Iterable[KeyedRows], num_features: int, dtype: StoredType, metadata: Mapping[bytes, bytes]
) -> int:
    """Write a Parquet file with a row group for each of `groups` (there may be none); give the number of rows."""
    schema = _schema(dtype, num_features, metadata)
    rows = 0
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, **_ENCODING) as writer:
        for splits, keys, features in groups:
            values = pa.array(stored(features, dtype).reshape(-1))
            column = pa.FixedSizeListArray.from_arrays(values, type=schema.field("features").type)
            columns = [pa.array(splits, pa.string()), pa.array(keys, pa.string()), column]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=len(keys))
            rows += len(keys)
    return rows


def regrouped(batches: Iterable[KeyedRows], rows_per_part: int | None = None) -> Iterator[KeyedRows]:
    """Cut batches of any size into row groups; a part's last one may be shorter, none crosses into the next part."""
    waiting: list[KeyedRows] = []
    count = done = 0
    for splits, keys, features in batches:
        start = 0
        while start < len(keys):
            size = row_group_rows(features.shape[1])
            size = size if rows_per_part is None else min(size, rows_per_part - done)
            stop = min(len(keys), start + size - count)
            waiting.append((splits[start:stop], keys[start:stop], features[start:stop]))
            count, start = count + stop - start, stop
            if count == size:
                yield _joined(waiting)
                done = (done + size) % rows_per_part if rows_per_part is not None else 0
                waiting, count = [], 0
    if count:
        yield _joined(waiting)


def _joined(pieces: list[KeyedRows]) -> KeyedRows:
    if len(pieces) == 1:
        return pieces[0]
    splits = [split for piece in pieces for split in piece[0]]
    keys = [key for piece in pieces for key in piece[1]]
    return splits, keys, np.concatenate([piece[2] for piece in pieces])


def stored(features: np.ndarray, dtype: StoredType) -> np.ndarray:
    """Give features in the type they are stored in.

    Raises:
        InvalidInputError: a number is too large for float16.
    """
    if dtype == "float32" or features.dtype == np.float16:
        return np.ascontiguousarray(features, dtype=dtype)
    with np.errstate(over="ignore"):
        block = features.astype(np.float16)
    if not np.isfinite(block).all():
        raise InvalidInputError('a feature is beyond float16 (65,504); write the table with dtype="float32"')
    return block


def _schema(dtype: StoredType, num_features: int, metadata: Mapping[bytes, bytes]) -> pa.Schema:
    element = pa.field("element", pa.float16() if dtype == "float16" else pa.float32(), nullable=False)
    columns = [("split", pa.string()), ("key", pa.string()), ("features", pa.list_(element, num_features))]
    return pa.schema(columns, metadata=dict(metadata))
