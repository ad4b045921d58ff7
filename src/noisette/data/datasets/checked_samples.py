"""From entries that are samples or problems to samples with keys of their own; every problem is reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError
from noisette.types import BadRows, Sample

_BATCH = 4096


class ReadEntry(NamedTuple):
    """What a row or member of a data set was read as: its samples, or what is wrong with it."""

    path: Path
    line: int | None
    found: list[Sample] | BadRowError


def check_entries(entries: Iterable[ReadEntry], keys: KeyRegister, bad_rows: BadRows) -> Iterator[Sample]:
    """Yield the samples in order; report bad entries, and those with a (split, key) of an entry that is good."""
    rest = iter(entries)
    while batch := list(islice(rest, _BATCH)):
        bad_rows.read(len(batch))
        samples = [[] if isinstance(entry.found, BadRowError) else entry.found for entry in batch]
        names = [[(sample.split, sample.key) for sample in found] for found in samples]
        duplicates = keys.add_rows(names, [entry.line or 0 for entry in batch])
        for at, entry in enumerate(batch):
            problem = entry.found if isinstance(entry.found, BadRowError) else duplicates.get(at)
            if problem is not None:
                bad_rows.add(entry.path, entry.line, problem.kind, problem.detail)
            else:
                yield from samples[at]
