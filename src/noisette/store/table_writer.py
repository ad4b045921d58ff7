"""Writing feature tables: Parquet parts, each whole or absent, and a manifest last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import DataFileError, InvalidInputError, ShapeError
from noisette.files import atomic_path
from noisette.store.artifacts import file_hash
from noisette.store.manifest import MANIFEST, StoredType, TableManifest, TablePart, part_name, write_manifest
from noisette.types import Float32Array

KeyedRows = tuple[list[str], list[str], Float32Array]
"""(splits, keys, (B, D) features) of B rows."""

_SETTINGS = b"noisette"
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


def write_feature_table(
    folder: str | Path,
    batches: Iterable[KeyedRows],
    *,
    dtype: StoredType = "float32",
    metadata: Mapping[str, str] | None = None,
    rows_per_part: int = 32768,
    skip_rows: int = 0,
) -> TableManifest:
    """Write a feature table into `folder`; the same rows give the same bytes, however they are cut into batches.

    A killed run leaves whole parts and no manifest. Run again from the start it writes the same files; or ask
    `finished_rows` where to go on, start the source there, and say so in `skip_rows`.

    Args:
        folder: where the table goes; parts of an older table in it are replaced.
        batches: (splits, keys, features) a batch, features (B, D) finite; B may vary, D may not.
        dtype: how features are stored; float16 halves the size and keeps three digits.
        metadata: what made the features (backbone, weight hash, settings); no clock, no path.
        rows_per_part: rows in every part but the last.
        skip_rows: rows that finished parts hold already.

    Raises:
        ShapeError: lengths or D differ between or within batches.
        InvalidInputError: `dtype` is unknown, or a number is too large for float16.
    """
    folder = Path(folder)
    if dtype not in ("float16", "float32"):
        raise InvalidInputError(f'`dtype` must be "float16" or "float32", got {dtype!r}')
    if rows_per_part < 1 or skip_rows % rows_per_part:
        raise InvalidInputError(f"`skip_rows` must be whole parts of {rows_per_part} rows, got {skip_rows}")
    settings = _settings(dtype, metadata or {}, rows_per_part)
    (folder / MANIFEST).unlink(missing_ok=True)
    parts = [_finished_part(folder, number, settings) for number in range(skip_rows // rows_per_part)]
    num_features = _num_features(folder / parts[0].name) if parts else None
    blocks = _blocks(batches, rows_per_part, num_features)
    for first in blocks:
        path = folder / part_name(len(parts))
        num_features = first[2].shape[1]
        rows = _write_part(path, chain([first], blocks), dtype, settings, rows_per_part)
        parts.append(TablePart(path.name, rows, file_hash(path)))
    return _finish(folder, parts, num_features or 0, dtype, metadata or {})


def finished_rows(
    folder: str | Path, *, dtype: StoredType, metadata: Mapping[str, str] | None = None, rows_per_part: int = 32768
) -> int:
    """Count the rows in whole parts that a killed run with the same settings left in `folder`."""
    settings, number = _settings(dtype, metadata or {}, rows_per_part), 0
    while _is_finished(Path(folder) / part_name(number), settings, rows_per_part):
        number += 1
    return number * rows_per_part


def _settings(dtype: StoredType, metadata: Mapping[str, str], rows_per_part: int) -> str:
    content = {"dtype": dtype, "metadata": dict(metadata), "rows_per_part": rows_per_part}
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def _blocks(batches: Iterable[KeyedRows], rows_per_part: int, num_features: int | None) -> Iterator[KeyedRows]:
    """Cut batches of any size into row groups; a part's last one may be shorter, none crosses into the next part."""
    waiting: list[KeyedRows] = []
    count = done = 0
    for splits, keys, features in batches:
        num_features = _check_batch(splits, keys, features, num_features)
        start = 0
        while start < len(keys):
            size = min(row_group_rows(num_features), rows_per_part - done)
            stop = min(len(keys), start + size - count)
            waiting.append((splits[start:stop], keys[start:stop], features[start:stop]))
            count, start = count + stop - start, stop
            if count == size:
                yield _joined(waiting)
                done = (done + size) % rows_per_part
                waiting, count = [], 0
    if count:
        yield _joined(waiting)


def _check_batch(splits: list[str], keys: list[str], features: Float32Array, num_features: int | None) -> int:
    if features.ndim != 2 or not len(splits) == len(keys) == len(features):
        got = f"{len(splits)}, {len(keys)} and {features.shape}"
        raise ShapeError(f"a batch must hold B splits, B keys and (B, D) features, got {got}")
    if features.shape[1] == 0:
        raise ShapeError("a batch must have at least one feature a row, got none")
    if num_features is not None and features.shape[1] != num_features:
        raise ShapeError(f"every batch must have {num_features} features a row, got {features.shape[1]}")
    return int(features.shape[1])


def _joined(pieces: list[KeyedRows]) -> KeyedRows:
    if len(pieces) == 1:
        return pieces[0]
    splits = [split for piece in pieces for split in piece[0]]
    keys = [key for piece in pieces for key in piece[1]]
    return splits, keys, np.concatenate([piece[2] for piece in pieces])


def _write_part(path: Path, blocks: Iterator[KeyedRows], dtype: StoredType, settings: str, rows_per_part: int) -> int:
    """Write row groups until the part is full or there are no more; give the number of rows."""
    first = next(blocks)
    schema = _schema(dtype, first[2].shape[1], settings)
    rows = 0
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, **_ENCODING) as writer:
        for splits, keys, features in chain([first], blocks):
            values = pa.array(_stored(features, dtype).reshape(-1))
            column = pa.FixedSizeListArray.from_arrays(values, type=schema.field("features").type)
            columns = [pa.array(splits, pa.string()), pa.array(keys, pa.string()), column]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=len(keys))
            rows += len(keys)
            if rows == rows_per_part:
                break
    return rows


def _schema(dtype: StoredType, num_features: int, settings: str) -> pa.Schema:
    element = pa.field("element", pa.float16() if dtype == "float16" else pa.float32(), nullable=False)
    columns = [("split", pa.string()), ("key", pa.string()), ("features", pa.list_(element, num_features))]
    return pa.schema(columns, metadata={_SETTINGS: settings.encode()})


def _stored(features: Float32Array, dtype: StoredType) -> np.ndarray:
    if dtype == "float32":
        return np.ascontiguousarray(features, dtype=np.float32)
    with np.errstate(over="ignore"):
        block = features.astype(np.float16)
    if not np.isfinite(block).all():
        raise InvalidInputError('a feature is beyond float16 (65,504); write the table with dtype="float32"')
    return block


def _num_features(path: Path) -> int:
    return int(pq.read_schema(path).field("features").type.list_size)


def _is_finished(path: Path, settings: str, rows_per_part: int) -> bool:
    try:
        about = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return about.num_rows == rows_per_part and (about.metadata or {}).get(_SETTINGS) == settings.encode()


def _finished_part(folder: Path, number: int, settings: str) -> TablePart:
    path = folder / part_name(number)
    rows_per_part = int(json.loads(settings)["rows_per_part"])
    if not _is_finished(path, settings, rows_per_part):
        raise DataFileError(path, "is not a finished part of these settings; write the table from its first row")
    return TablePart(path.name, rows_per_part, file_hash(path))


def _finish(
    folder: Path, parts: list[TablePart], num_features: int, dtype: StoredType, metadata: Mapping[str, str]
) -> TableManifest:
    folder.mkdir(parents=True, exist_ok=True)
    names = {part.name for part in parts}
    for old in folder.glob("part-*.parquet*"):
        if old.name not in names:
            old.unlink()
    for cache in folder.glob("*.take.npy*"):
        cache.unlink()
    manifest = TableManifest(sum(part.rows for part in parts), num_features, dtype, dict(metadata), tuple(parts))
    write_manifest(folder, manifest)
    return manifest
