"""Writing feature tables: Parquet parts, each whole or absent, and a manifest last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import DataFileError, InvalidInputError, ShapeError
from noisette.store.artifacts import file_hash
from noisette.store.manifest import MANIFEST, StoredType, TableManifest, TablePart, part_name, write_manifest
from noisette.store.part_writer import SETTINGS, KeyedRows, regrouped, write_part
from noisette.types import Float32Array


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
    blocks = regrouped(_checked(batches, num_features), rows_per_part)
    for first in blocks:
        path = folder / part_name(len(parts))
        num_features = first[2].shape[1]
        groups = _part(first, blocks, rows_per_part)
        rows = write_part(path, groups, num_features, dtype, {SETTINGS: settings.encode()})
        parts.append(TablePart(path.name, rows, file_hash(path)))
    return finish_table(folder, parts, num_features or 0, dtype, metadata or {})


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


def _checked(batches: Iterable[KeyedRows], num_features: int | None) -> Iterator[KeyedRows]:
    for splits, keys, features in batches:
        num_features = _check_batch(splits, keys, features, num_features)
        yield splits, keys, features


def _check_batch(splits: list[str], keys: list[str], features: Float32Array, num_features: int | None) -> int:
    if features.ndim != 2 or not len(splits) == len(keys) == len(features):
        got = f"{len(splits)}, {len(keys)} and {features.shape}"
        raise ShapeError(f"a batch must hold B splits, B keys and (B, D) features, got {got}")
    if features.shape[1] == 0:
        raise ShapeError("a batch must have at least one feature a row, got none")
    if num_features is not None and features.shape[1] != num_features:
        raise ShapeError(f"every batch must have {num_features} features a row, got {features.shape[1]}")
    return int(features.shape[1])


def _part(first: KeyedRows, blocks: Iterator[KeyedRows], rows_per_part: int) -> Iterator[KeyedRows]:
    """Take row groups until the part is full or there are no more."""
    rows = 0
    for block in chain([first], blocks):
        yield block
        rows += len(block[1])
        if rows == rows_per_part:
            return


def _num_features(path: Path) -> int:
    return int(pq.read_schema(path).field("features").type.list_size)


def _is_finished(path: Path, settings: str, rows_per_part: int) -> bool:
    try:
        about = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return about.num_rows == rows_per_part and (about.metadata or {}).get(SETTINGS) == settings.encode()


def _finished_part(folder: Path, number: int, settings: str) -> TablePart:
    path = folder / part_name(number)
    rows_per_part = int(json.loads(settings)["rows_per_part"])
    if not _is_finished(path, settings, rows_per_part):
        raise DataFileError(path, "is not a finished part of these settings; write the table from its first row")
    return TablePart(path.name, rows_per_part, file_hash(path))


def finish_table(
    folder: Path, parts: list[TablePart], num_features: int, dtype: StoredType, metadata: Mapping[str, str]
) -> TableManifest:
    """Remove what is no part of the table, and write its manifest, last of all."""
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
