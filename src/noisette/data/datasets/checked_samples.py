"""From entries that are samples or problems to samples with keys of their own; every problem is reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from noisette.data.key_register import Identity, KeyRegister
from noisette.data.rows import BadRowError
from noisette.types import BadRows, Sample

_BATCH = 4096


class Entry(NamedTuple):
    """One row or member of a data set: its samples, or what is wrong with it."""

    path: Path
    line: int | None
    found: list[Sample] | BadRowError


def check_entries(entries: Iterable[Entry], keys: KeyRegister, bad_rows: BadRows) -> Iterator[Sample]:
    """Yield the samples in order; report bad entries, and those whose (split, key) came before."""
    rest = iter(entries)
    while batch := list(islice(rest, _BATCH)):
        bad_rows.read(len(batch))
        unique = _all_new(batch, keys)
        for entry in batch:
            problem = entry.found if isinstance(entry.found, BadRowError) else None
            if problem is None and not unique:
                problem = _duplicate(entry, keys)
            if problem is not None:
                bad_rows.add(entry.path, entry.line, problem.kind, problem.detail)
            elif not isinstance(entry.found, BadRowError):
                yield from entry.found


def _all_new(batch: list[Entry], keys: KeyRegister) -> bool:
    """Take all keys at once, if none comes twice; that spares looking at them one by one."""
    names: list[Identity] = []
    lines: list[int] = []
    for entry in batch:
        if not isinstance(entry.found, BadRowError):
            names.extend((sample.split, sample.key) for sample in entry.found)
            lines.extend([entry.line or 0] * len(entry.found))
    return keys.add_all(names, lines)


def _duplicate(entry: Entry, keys: KeyRegister) -> BadRowError | None:
    """Take the keys of one entry, or say which came before."""
    assert not isinstance(entry.found, BadRowError)
    for sample in entry.found:
        try:
            if entry.line is not None:
                keys.add((sample.split, sample.key), entry.line)
            elif not keys.add_all([(sample.split, sample.key)], [0]):
                raise BadRowError("duplicate key", f"{sample.key!r} comes twice")
        except BadRowError as error:
            return error
    return None
