"""A feature table that is written a batch at a time by a process that may be killed at any moment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import InvalidInputError, ShapeError
from noisette.store.artifacts import file_hash
from noisette.store.batch_journal import BatchJournal, JournalBatch, Note, journal_settings
from noisette.store.manifest import MANIFEST, StoredType, TableManifest, TablePart, part_name, read_manifest
from noisette.store.part_writer import SETTINGS, KeyedRows, regrouped, stored, write_part
from noisette.store.table_writer import finish_table
from noisette.types import Float32Array

_NOTES = b"noisette.notes"
_BATCHES = b"noisette.batches"


class ResumableTable:
    """Writes batches of a table in order; made again with the same settings, it goes on after the last whole batch.

    A part holds the rows of a fixed number of batches, so the bytes do not depend on where a writer was killed. Until
    a part is full its batches lie in a journal beside it.

    Args:
        folder: where the table goes; a table of other settings in it is replaced.
        num_features: D.
        dtype: how features are stored.
        metadata: what makes the features, the identity of their rows included; no clock, no path.
        batches_per_part: batches in every part but the last.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with ResumableTable(folder, num_features=2, dtype="float32", metadata={}) as table:
        ...         table.append(["train"], ["a"], np.zeros((1, 2), np.float32), [{"key": "b", "kind": "empty file"}])
        ...     with ResumableTable(folder, num_features=2, dtype="float32", metadata={}) as table:
        ...         table.num_batches, list(table.notes()), table.finish().num_rows
        (1, [{'key': 'b', 'kind': 'empty file'}], 1)
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        num_features: int,
        dtype: StoredType,
        metadata: Mapping[str, str],
        batches_per_part: int = 512,
    ) -> None:
        if batches_per_part < 1:
            raise InvalidInputError(f"`batches_per_part` must be at least 1, got {batches_per_part}")
        self.folder, self.num_features, self.dtype = Path(folder), num_features, dtype
        self.metadata, self._batches_per_part = dict(metadata), batches_per_part
        content = {"dtype": dtype, "metadata": self.metadata, "batches_per_part": batches_per_part, "D": num_features}
        self._settings = json.dumps(content, sort_keys=True, ensure_ascii=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MANIFEST).unlink(missing_ok=True)
        self._parts: list[TablePart] = []
        self._in_parts = 0
        self._find_finished_parts()
        self._journal = self._open_journal()

    @property
    def num_batches(self) -> int:
        """Batches written so far, by this and by earlier writers."""
        return self._in_parts + self._journal.num_batches

    def append(self, splits: list[str], keys: list[str], features: Float32Array, notes: list[Note]) -> None:
        """Write a batch of G rows (there may be none) and its notes; it is not lost when the process is killed.

        Raises:
            ShapeError: the features are not (G, D).
            InvalidInputError: a number is too large for float16.
        """
        wanted = (len(keys), self.num_features)
        if len(splits) != len(keys) or (len(keys) and features.shape != wanted):
            raise ShapeError(f"a batch must hold {len(splits)} splits and keys and {wanted} features")
        block = features if len(keys) else np.empty((0, self.num_features), dtype=np.float32)
        self._journal.append(JournalBatch(splits, keys, stored(block, self.dtype), notes))
        if self._journal.num_batches == self._batches_per_part:
            self._close_part()

    def notes(self) -> Iterator[Note]:
        """Yield all notes so far in the order of their batches."""
        for part in self._parts:
            metadata = pq.read_schema(self.folder / part.name).metadata
            yield from json.loads(metadata[_NOTES])
        for batch in self._journal:
            yield from batch.notes

    def finish(self) -> TableManifest:
        """Write what is left and the manifest; from then on the table counts as complete."""
        if self._journal.num_batches:
            self._close_part()
        self.close()
        for journal in self.folder.glob("*.journal"):
            journal.unlink()
        return finish_table(self.folder, self._parts, self.num_features, self.dtype, self.metadata)

    def close(self) -> None:
        """Stop here, for another writer to go on."""
        self._journal.close()

    def __enter__(self) -> ResumableTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close_part(self) -> None:
        """Turn the journal into a Parquet file, a row group in memory at a time."""
        path, journal = self.folder / part_name(len(self._parts)), self._journal
        notes = [note for batch in journal for note in batch.notes]
        metadata = {
            SETTINGS: self._settings.encode(),
            _BATCHES: str(journal.num_batches).encode(),
            _NOTES: json.dumps(notes, ensure_ascii=False).encode(),
        }
        rows = write_part(path, regrouped(_rows(journal)), self.num_features, self.dtype, metadata)
        self._parts.append(TablePart(path.name, rows, file_hash(path)))
        self._in_parts += journal.num_batches
        journal.close()
        journal.path.unlink()
        self._journal = self._open_journal()

    def _open_journal(self) -> BatchJournal:
        name = part_name(len(self._parts))
        return BatchJournal(self.folder / f"{name}.journal", self._settings)

    def _find_finished_parts(self) -> None:
        while (found := self._finished(self.folder / part_name(len(self._parts)))) is not None:
            part, batches = found
            self._parts.append(part)
            self._in_parts += batches

    def _finished(self, path: Path) -> tuple[TablePart, int] | None:
        """Give a whole part that a writer of the same settings left, and its number of batches."""
        try:
            about = pq.read_metadata(path)
        except (OSError, pa.ArrowException):
            return None
        metadata = about.metadata or {}
        if metadata.get(SETTINGS) != self._settings.encode():
            return None
        return TablePart(path.name, about.num_rows, file_hash(path)), int(metadata[_BATCHES])


def unfinished_metadata(folder: str | Path) -> dict[str, str] | None:
    """Give the metadata of a table that a writer left unfinished; None where there is none, or a finished one."""
    folder = Path(folder)
    if not folder.is_dir() or (folder / MANIFEST).exists():
        return None
    first = folder / part_name(0)
    settings = _settings_of(first) if first.is_file() else journal_settings(folder / f"{part_name(0)}.journal")
    if settings is None:
        return None
    found: dict[str, str] = json.loads(settings)["metadata"]
    return found


def read_notes(folder: str | Path) -> Iterator[Note]:
    """Yield the notes of a finished table in the order of their batches.

    Raises:
        DataFileError: there is no finished table.
    """
    for part in read_manifest(folder).parts:
        yield from json.loads(pq.read_schema(Path(folder) / part.name).metadata.get(_NOTES, b"[]"))


def _settings_of(path: Path) -> bytes | None:
    try:
        found: bytes | None = (pq.read_metadata(path).metadata or {}).get(SETTINGS)
    except (OSError, pa.ArrowException):
        return None
    return found


def _rows(journal: BatchJournal) -> Iterator[KeyedRows]:
    for batch in journal:
        yield batch.splits, batch.keys, batch.features
