"""Batches of a table that is being written, appended one by one; what a killed process leaves is whole batches."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

Note = dict[str, str]
"""Something to remember about a row that is or is not in the batch; JSON text."""

_FRAME = struct.Struct("<8sQI")
_MAGIC = b"NOISETTE"
_FLUSH_EVERY = 32  # batches: a kill loses nothing of what was written, a power cut at most so many


@dataclass(frozen=True, eq=False)
class JournalBatch:
    """G rows, features (G, D) in the type they are stored in, and notes."""

    splits: list[str]
    keys: list[str]
    features: np.ndarray
    notes: list[Note]


class BatchJournal:
    """A file of batches, each with its length and checksum. The first frame says what the batches belong to.

    Args:
        path: the file.
        settings: what makes the batches; a journal of other settings is started anew.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        self._settings = settings.encode()
        self.num_batches = 0
        self._end = 0
        self._file = self._open()

    def __iter__(self) -> Iterator[JournalBatch]:
        """Yield the batches from the first on, one in memory at a time."""
        with self.path.open("rb") as file:
            frames = _frames(file)
            next(frames, None)
            for payload, end in frames:
                if end > self._end:
                    return
                yield _unpacked(payload)

    def append(self, batch: JournalBatch) -> None:
        """Write a batch; once this returns, a kill of the process does not lose it."""
        self._write(_packed(batch))
        self.num_batches += 1
        if self.num_batches % _FLUSH_EVERY == 0:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> IO[bytes]:
        """Open for appending after the last whole batch; what was cut off in the middle goes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
        frames = _frames(file)
        first = next(frames, None)
        if first is not None and first[0] == self._settings:
            self._end = first[1]
            for _payload, end in frames:
                self._end, self.num_batches = end, self.num_batches + 1
        file.truncate(self._end)
        file.seek(self._end)
        self._file = file
        if first is None or not self._end:
            self._write(self._settings)
        return file

    def _write(self, payload: bytes) -> None:
        frame = _FRAME.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload
        view = memoryview(frame)
        while view:
            view = view[self._file.write(view) :]
        self._end += len(frame)


def journal_settings(path: Path) -> bytes | None:
    """Give the settings of a journal that has batches; None where there is none, or an empty one."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        found = list(islice(_frames(file), 2))
    return found[0][0] if len(found) == 2 else None


def _frames(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield payloads and where each ends, up to the first that is not whole."""
    end = 0
    while len(head := file.read(_FRAME.size)) == _FRAME.size:
        magic, size, checksum = _FRAME.unpack(head)
        payload = file.read(size) if magic == _MAGIC else b""
        if len(payload) < size or zlib.crc32(payload) != checksum or magic != _MAGIC:
            return
        end += _FRAME.size + size
        yield payload, end


def _packed(batch: JournalBatch) -> bytes:
    head = {
        "splits": batch.splits,
        "keys": batch.keys,
        "notes": batch.notes,
        "dtype": batch.features.dtype.name,
        "shape": batch.features.shape,
    }
    text = json.dumps(head, ensure_ascii=False).encode()
    return struct.pack("<I", len(text)) + text + np.ascontiguousarray(batch.features).tobytes()


def _unpacked(payload: bytes) -> JournalBatch:
    (size,) = struct.unpack_from("<I", payload)
    head = json.loads(payload[4 : 4 + size])
    features = np.frombuffer(payload, head["dtype"], offset=4 + size).reshape(head["shape"])
    return JournalBatch(head["splits"], head["keys"], features, head["notes"])
