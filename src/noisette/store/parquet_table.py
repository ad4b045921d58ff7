"""A feature table on disk: one Parquet file, or a folder of parts with a manifest. Reading is streaming."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import DataFileError, InvalidInputError
from noisette.store.arrow_rows import check_schema, feature_rows, float32_rows
from noisette.store.artifacts import file_hash
from noisette.store.manifest import MANIFEST, read_manifest
from noisette.store.take_cache import gather, gather_from_cache, make_cache
from noisette.types import Float32Array, IntArray


class ParquetTable:
    """A `FeatureTable` over Parquet, in bounded memory whatever N is.

    Args:
        path: a folder that `write_feature_table` wrote, or one Parquet file with columns `key` and `features`.
        class_names: names of the K classes, where known.

    Raises:
        DataFileError: there is no complete feature table.

    Example:
        >>> import tempfile
        >>> from noisette.store import write_feature_table
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     features = np.eye(3, 2, dtype=np.float32)
        ...     _ = write_feature_table(folder, [(["train"] * 3, ["a", "b", "c"], features)])
        ...     table = ParquetTable(folder)
        ...     (table.num_rows, table.num_features), [len(block) for block in table.iter_batches(2)]
        ((3, 2), [2, 1])
    """

    def __init__(self, path: str | Path, class_names: Sequence[str] | None = None) -> None:
        self.path = Path(path)
        self.class_names = None if class_names is None else tuple(class_names)
        self._manifest = read_manifest(self.path) if self.path.is_dir() else None
        parts = [self.path] if self._manifest is None else [self.path / part.name for part in self._manifest.parts]
        self._parts = parts
        self._rows = [_check_part(part) for part in parts]
        if self._manifest is not None and self._rows != [part.rows for part in self._manifest.parts]:
            raise DataFileError(self.path / MANIFEST, "does not fit the parts beside it; write the table again")

    @property
    def num_rows(self) -> int:
        """N."""
        return sum(self._rows)

    @cached_property
    def num_features(self) -> int:
        """D."""
        if self._manifest is not None:
            return self._manifest.num_features
        return int(pq.read_schema(self._parts[0]).field("features").type.list_size)

    @cached_property
    def metadata(self) -> dict[str, str]:
        """What made the features, as `write_feature_table` was told; empty for a foreign file."""
        if self._manifest is not None:
            return dict(self._manifest.metadata)
        found = (pq.read_schema(self._parts[0]).metadata or {}).get(b"noisette", b"{}")
        return dict(json.loads(found).get("metadata", {}))

    @cached_property
    def content_hash(self) -> str:
        """A hash that changes with the table: of the manifest (which holds those of the parts), or of the file."""
        return file_hash(self.path if self._manifest is None else self.path / MANIFEST)

    def iter_batches(self, batch_size: int) -> Iterator[Float32Array]:
        """Yield (B, D) float32 blocks in row order; every block but the last has `batch_size` rows."""
        for batch in self._batches(["features"], batch_size):
            yield _joined([float32_rows(piece.column(0)) for piece in batch])

    def iter_keyed_batches(self, batch_size: int) -> Iterator[tuple[list[str], Float32Array]]:
        """Yield (keys, (B, D) float32) in row order."""
        for batch in self._batches(["key", "features"], batch_size):
            keys = [key for piece in batch for key in piece.column("key").to_pylist()]
            yield keys, _joined([float32_rows(piece.column("features")) for piece in batch])

    def read_keys(self) -> list[str]:
        """Give the N keys."""
        return [key for piece in self._pieces(["key"], 65536) for key in piece.column(0).to_pylist()]

    def read_splits(self) -> list[str]:
        """Give the N splits; "train" for a foreign file without any."""
        if "split" not in pq.read_schema(self._parts[0]).names if self._parts else True:
            return ["train"] * self.num_rows
        known: dict[str, str] = {}  # one string object a split, not one a row
        return [
            known.setdefault(name, name)
            for piece in self._pieces(["split"], 65536)
            for name in piece.column(0).to_pylist()
        ]

    def take(self, rows: IntArray) -> Float32Array:
        """Give the (len(rows), D) float32 rows with these numbers, in this order.

        The first call writes the table as a ``.npy`` memory map beside it and later ones gather from that; where the
        folder cannot be written to, rows come from their row groups (slower).

        Raises:
            InvalidInputError: a row number is outside 0..N-1.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= self.num_rows):
            raise InvalidInputError(f"`rows` must lie in 0..{self.num_rows - 1}, got {rows.min()}..{rows.max()}")
        if self._cache is not None:
            return gather_from_cache(self._cache, rows, self.num_features)
        return gather(self._parts, self._rows, rows, self.num_features)

    @cached_property
    def _cache(self) -> Path | None:
        blocks = (feature_rows(piece.column(0)) for piece in self._pieces(["features"], 8192))
        return make_cache(self.path, self.content_hash, (self.num_rows, self.num_features), blocks)

    def _batches(self, columns: list[str], batch_size: int) -> Iterator[list[pa.RecordBatch]]:
        """Yield lists of pieces that hold `batch_size` rows together (fewer in the last list)."""
        if batch_size < 1:
            raise InvalidInputError(f"`batch_size` must be at least 1, got {batch_size}")
        waiting: list[pa.RecordBatch] = []
        count = 0
        for piece in self._pieces(columns, batch_size):
            while count + piece.num_rows >= batch_size:
                head = batch_size - count
                yield [*waiting, piece.slice(0, head)]
                waiting, count, piece = [], 0, piece.slice(head)
            if piece.num_rows:
                waiting.append(piece)
                count += piece.num_rows
        if waiting:
            yield waiting

    def _pieces(self, columns: list[str], batch_size: int) -> Iterator[pa.RecordBatch]:
        for part in self._parts:
            with pq.ParquetFile(part, pre_buffer=False) as file:
                yield from file.iter_batches(batch_size, columns=columns, use_threads=False)


def _check_part(path: Path) -> int:
    """Check the schema of a part and give its number of rows."""
    try:
        about: Any = pq.read_metadata(path)
    except FileNotFoundError:
        raise DataFileError(path, "does not exist; write the table again") from None
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(path, f"is not a Parquet file ({error})") from error
    check_schema(path, about.schema.to_arrow_schema())
    return int(about.num_rows)


def _joined(pieces: list[Float32Array]) -> Float32Array:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
