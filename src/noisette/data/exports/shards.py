"""The loop that all formats share: pictures of one split, in pieces of bounded size, each whole or absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from noisette.data.exports.journal import Failure, Journal, Shard
from noisette.data.exports.pictures import Picture
from noisette.data.exports.records import ExportJob
from noisette.data.images import BadImageError, shown
from noisette.files import atomic_path
from noisette.types import BadRows

SHARD_SAMPLES = 10_000
SHARD_BYTES = 1 << 30
"""A shard ends with the sample that reaches either."""

_REPORT_EVERY = 256


class Entry(NamedTuple):
    """One sample to write: its place among the rows of its split, its row among all samples, its picture."""

    place: int
    row: int
    picture: Picture


def write_shards(
    job: ExportJob,
    split: str,
    name_of: Callable[[int], str],
    write: Callable[[Path, Iterator[Entry]], None],
    fetch: Callable[[int], Picture],
    *,
    max_samples: int | None = None,
    max_bytes: int | None = None,
) -> list[Shard]:
    """Write one split in shards, from where a stopped export left off; give all its shards.

    Args:
        job: the export.
        split: the split.
        name_of: from the number of a shard to the path of its file below the export; "" = `write` makes its own files.
        write: writes the samples into the file; it must read them to the end.
        fetch: from a row to its picture; raises BadImageError.
        max_samples: a shard ends with the sample that reaches this number (None = SHARD_SAMPLES),
        max_bytes: or with the one whose picture reaches this size, all together (None = SHARD_BYTES).
    """
    size = job.samples.splits[split].size
    limits = max_samples or SHARD_SAMPLES, max_bytes or SHARD_BYTES
    shards = job.journal.shards(split)
    while (start := shards[-1].end if shards else 0) < size:
        piece = _Piece(job, split, start, fetch, *limits)
        file = name_of(sum(1 for shard in shards if shard.num_samples))
        entries = iter(piece)
        first = next(entries, None)
        if first is not None:
            _write(job, file, write, chain((first,), entries))
        shard = Shard(split, piece.end, piece.num_samples, file if first is not None else "", tuple(piece.failures))
        job.journal.add(shard)
        shards.append(shard)
    return shards


def count_failures(journal: Journal, splits: list[str], bad_rows: BadRows) -> None:
    """Bring to `bad_rows` what a stopped export had already found."""
    for split in splits:
        for shard in journal.shards(split):
            bad_rows.read(shard.num_samples + len(shard.failures))
            for failure in shard.failures:
                bad_rows.add(failure.place, None, failure.kind, failure.detail)


def num_written(job: ExportJob, split: str) -> int:
    """Give the number of samples of a split that were written."""
    return sum(shard.num_samples for shard in job.journal.shards(split))


def _write(job: ExportJob, file: str, write: Callable[[Path, Iterator[Entry]], None], entries: Iterator[Entry]) -> None:
    if not file:
        write(job.folder, entries)
        return
    with atomic_path(job.folder / file) as temporary:
        write(temporary, entries)


class _Piece:
    """The samples of one shard, read one at a time; pictures that cannot be read are noted and passed over."""

    def __init__(
        self,
        job: ExportJob,
        split: str,
        start: int,
        fetch: Callable[[int], Picture],
        max_samples: int,
        max_bytes: int,
    ) -> None:
        self._job, self._split, self._fetch = job, split, fetch
        self._max_samples, self._max_bytes = max_samples, max_bytes
        self.end = start
        self.num_samples = 0
        self.failures: list[Failure] = []

    def __iter__(self) -> Iterator[Entry]:
        rows, num_bytes = self._job.samples.splits[self._split], 0
        before = self._rows_before()
        while self.end < rows.size and self.num_samples < self._max_samples and num_bytes < self._max_bytes:
            place, row = self.end, int(rows[self.end])
            self.end += 1
            if self.end % _REPORT_EVERY == 0 or self.end == rows.size:
                self._job.progress("export", before + self.end, self._job.samples.num_rows)
            self._job.bad_rows.read()
            try:
                picture = self._fetch(row)
            except BadImageError as error:
                self._note(row, error)
                continue
            self.num_samples += 1
            num_bytes += len(picture.data)
            yield Entry(place, row, picture)

    def _rows_before(self) -> int:
        splits = list(self._job.samples.splits)
        return sum(self._job.samples.splits[name].size for name in splits[: splits.index(self._split)])

    def _note(self, row: int, error: BadImageError) -> None:
        uri, key = self._job.samples.uris[row], self._job.samples.keys[row]
        failure = Failure(shown(uri) if uri else key, error.kind, error.detail)
        self.failures.append(failure)
        self._job.bad_rows.add(failure.place, None, failure.kind, failure.detail)
