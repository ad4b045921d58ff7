"""Which shards of an export are whole: a line of JSON each, appended once the shard is on the disk."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from noisette.errors import DataFileError


@dataclass(frozen=True)
class Failure:
    """A picture that could not be read: where it is, and why it cannot be used."""

    place: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Shard:
    """A shard that is whole.

    Attributes:
        split: the split it belongs to.
        end: number of rows of the split that were looked at when it was finished; the next shard begins there.
        num_samples: samples in it.
        file: its path below the export; "" where it has no file of its own.
        failures: pictures that were to be in it.
    """

    split: str
    end: int
    num_samples: int
    file: str
    failures: tuple[Failure, ...] = ()


class Journal:
    """An append-only file of finished shards; a last line that was cut off by a kill counts for nothing.

    Args:
        path: the file; it need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._shards: list[Shard] = []
        for line in self._whole_lines():
            self._shards.append(_shard(self._path, line))

    def shards(self, split: str) -> list[Shard]:
        """Give the finished shards of a split, in order."""
        return [shard for shard in self._shards if shard.split == split]

    def files(self) -> list[str]:
        """Give the files of all finished shards."""
        return [shard.file for shard in self._shards if shard.file]

    def add(self, shard: Shard) -> None:
        """Take note of a shard whose file is on the disk."""
        with self._path.open("ab") as file:
            file.write(json.dumps(asdict(shard), sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._shards.append(shard)

    def _whole_lines(self) -> list[bytes]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        *lines, torn = data.split(b"\n")
        if torn:
            os.truncate(self._path, len(data) - len(torn))
        return lines


def _shard(path: Path, line: bytes) -> Shard:
    try:
        values = json.loads(line)
        values["failures"] = tuple(Failure(**failure) for failure in values["failures"])
        return Shard(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise DataFileError(path, f"is damaged ({error}); delete the folder it is in, and export again") from error
