"""What stands for each sample, and the counts by class: kept ready, in the transaction that appends a decision.

Both tables follow from the decisions alone (`rebuild_standing` makes them anew): nothing could be lost with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    Row,
    String,
    bindparam,
    column,
    delete,
    insert,
    select,
    table,
    tuple_,
    update,
)

from noisette.store.review_rule import Standing, Voice, choose_standing
from noisette.types import CORRECT, MISLABELLED

Name = tuple[str, str]
"""split, key"""
_Cell = tuple[int, int]
"""given label, verification label"""

CHUNK = 200  # samples a statement: SQLite takes at most 999 variables in old builds
_REBUILD = 5_000

# Plain columns, not today's models: a migration calls this on tables that lack what later versions add.
_DECISIONS = table(
    "decisions",
    column("id", Integer),
    column("given_label", Integer),
    column("verification_label", Integer),
    column("correct_label", Integer),
    column("reviewer", String),
    column("undoes", Integer),
    column("split", String),
    column("key", String),
)
_STANDING = table(
    "standing",
    column("split", String),
    column("key", String),
    column("decision_id", Integer),
    column("given_label", Integer),
    column("verification_label", Integer),
    column("is_disputed", Boolean),
)
_PROGRESS = table(
    "progress",
    column("given_label", Integer),
    column("correct", Integer),
    column("wrong", Integer),
    column("unsure", Integer),
)


def update_standing(connection: Connection, names: Iterable[Name]) -> None:
    """Choose anew what stands for some samples; the caller's transaction holds the write lock."""
    changes: Counter[_Cell] = Counter()
    waiting = sorted(set(names))
    for start in range(0, len(waiting), CHUNK):
        changes.update(_update_chunk(connection, waiting[start : start + CHUNK]))
    _count(connection, changes)


def rebuild_standing(connection: Connection) -> None:
    """Derive both tables from all decisions."""
    connection.execute(delete(_STANDING))
    connection.execute(delete(_PROGRESS))
    name = tuple_(_DECISIONS.c.split, _DECISIONS.c.key)
    query = select(_DECISIONS.c.split, _DECISIONS.c.key).distinct().limit(_REBUILD).order_by(*name.clauses)
    last: list[Name] = []
    while True:
        page = query.where(name > tuple_(*last[-1])) if last else query
        last = [(row.split, row.key) for row in connection.execute(page)]
        if not last:
            return
        update_standing(connection, last)


def _update_chunk(connection: Connection, names: Sequence[Name]) -> Counter[_Cell]:
    """Update what stands; give by how much the number of samples in each cell changed."""
    c = _DECISIONS.c
    query = select(_DECISIONS).where(tuple_(c.split, c.key).in_(names)).order_by(c.split, c.key)
    chosen = {name: choose_standing(said) for name, said in _by_sample(connection.execute(query))}
    s = _STANDING.c
    known = {
        (row.split, row.key): row
        for row in connection.execute(select(_STANDING).where(tuple_(s.split, s.key).in_(names)))
    }
    rows = {name: _row(name, standing) for name, standing in chosen.items() if standing is not None}
    changes: Counter[_Cell] = Counter()
    for row in known.values():
        changes[row.given_label, row.verification_label] -= 1
    for standing in chosen.values():
        if standing is not None:
            changes[standing.voice.given_label, standing.voice.verification_label] += 1
    _write(connection, rows, known)
    return changes


def _write(connection: Connection, rows: dict[Name, dict[str, object]], known: dict[Name, Row[Any]]) -> None:
    s = _STANDING.c
    gone = [name for name in known if name not in rows]
    if gone:
        connection.execute(delete(_STANDING).where(tuple_(s.split, s.key).in_(gone)))
    new = [row for name, row in rows.items() if name not in known]
    if new:
        connection.execute(insert(_STANDING), new)
    changed = [row for name, row in rows.items() if name in known and known[name]._asdict() != row]
    if changed:
        values: dict[str, Any] = {
            name: bindparam(f"new_{name}") for name in ("decision_id", "given_label", "verification_label")
        }
        values["is_disputed"] = bindparam("new_is_disputed")
        statement = update(_STANDING).where(s.split == bindparam("new_split"), s.key == bindparam("new_key"))
        parameters = [{f"new_{name}": value for name, value in row.items()} for row in changed]
        connection.execute(statement.values(values), parameters)


def _count(connection: Connection, changes: Counter[_Cell]) -> None:
    """Add to the counts by class."""
    for given in sorted({given for (given, _), change in changes.items() if change}):
        parts = {
            "correct": changes[given, CORRECT],
            "wrong": changes[given, MISLABELLED],
            "unsure": changes[given, -1],
        }
        c = _PROGRESS.c
        added = {name: c[name] + change for name, change in parts.items()}
        done = connection.execute(update(_PROGRESS).where(c.given_label == given).values(added))
        if done.rowcount == 0:
            connection.execute(insert(_PROGRESS).values(given_label=given, **parts))


def _row(name: Name, chosen: Standing) -> dict[str, object]:
    voice = chosen.voice
    return {
        "split": name[0],
        "key": name[1],
        "decision_id": voice.id,
        "given_label": voice.given_label,
        "verification_label": voice.verification_label,
        "is_disputed": chosen.is_disputed,
    }


def _by_sample(rows: Iterable[Row[Any]]) -> Iterator[tuple[Name, list[Voice]]]:
    for name, group in groupby(rows, key=lambda row: (row.split, row.key)):
        yield name, [_voice(row) for row in group]


def _voice(row: Row[Any]) -> Voice:
    return Voice(row.id, row.given_label, row.verification_label, row.correct_label, row.reviewer, row.undoes)
