"""Looking for many samples at once, so that an index is used.

SQLite reads the whole table for ``(split, key) IN (VALUES ...)``; it takes the index for one split and a list of keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import ColumnElement, FromClause, and_, bindparam

Name = tuple[str, str]
"""split, key"""

CHUNK = 200  # samples a statement: SQLite takes at most 999 variables in old builds


def of_samples(table: FromClause) -> ColumnElement[bool]:
    """Give the condition that a row is about one of the samples `:keys` of the split `:split`."""
    keys: ColumnElement[bool] = table.c.key.in_(bindparam("keys", expanding=True))
    return and_(table.c.split == bindparam("split"), keys)


def by_split(names: Iterable[Name]) -> Iterator[tuple[str, list[str]]]:
    """Give the keys of each split, each once, at most `CHUNK` at a time."""
    keys_of: dict[str, dict[str, None]] = {}
    for split, key in names:
        keys_of.setdefault(split, {})[key] = None
    for split in sorted(keys_of):
        keys = sorted(keys_of[split])
        for start in range(0, len(keys), CHUNK):
            yield split, keys[start : start + CHUNK]
