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
    case,
    column,
    delete,
    false,
    func,
    insert,
    select,
    table,
    text,
    tuple_,
)

from noisette.store.review_names import Name, by_split, of_samples
from noisette.store.review_records import Repair
from noisette.store.review_rule import Standing, Voice, choose_standing
from noisette.types import CORRECT, MISLABELLED, UNVERIFIED

_Cell = tuple[int, int]
"""given label, verification label"""

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
_PROGRESS = table("progress", *(column(name, Integer) for name in ("given_label", "correct", "wrong", "unsure")))
_SAID = select(_DECISIONS).where(of_samples(_DECISIONS)).order_by(_DECISIONS.c.key)
_KNOWN = select(_STANDING).where(of_samples(_STANDING))
_FORGET = delete(_STANDING).where(of_samples(_STANDING))
# Both databases know these words, and a statement that is made once takes half of the time.
_PUT = text(
    'INSERT INTO standing (split, "key", decision_id, given_label, verification_label, is_disputed) '
    "VALUES (:split, :key, :decision_id, :given_label, :verification_label, :is_disputed) "
    'ON CONFLICT (split, "key") DO UPDATE SET decision_id = excluded.decision_id, given_label = excluded.given_label, '
    "verification_label = excluded.verification_label, is_disputed = excluded.is_disputed"
)
_ADD = text(
    "INSERT INTO progress (given_label, correct, wrong, unsure) VALUES (:given_label, :correct, :wrong, :unsure) "
    "ON CONFLICT (given_label) DO UPDATE SET correct = progress.correct + excluded.correct, "
    "wrong = progress.wrong + excluded.wrong, unsure = progress.unsure + excluded.unsure"
)

_NAME = tuple_(_DECISIONS.c.split, _DECISIONS.c.key)
_BY_SAMPLE = select(*_NAME.clauses).group_by(*_NAME.clauses)
_SEVERAL = _BY_SAMPLE.having(func.count() > 1).order_by(*_NAME.clauses)
# Of one row, the least is the row's own; a row that takes another back stands for nothing.
_PUT_SINGLE = insert(_STANDING).from_select(
    [one.name for one in _STANDING.c],
    _BY_SAMPLE.add_columns(
        func.min(_DECISIONS.c.id),
        func.min(_DECISIONS.c.given_label),
        func.min(_DECISIONS.c.verification_label),
        false(),
    ).having(func.count() == 1, func.min(_DECISIONS.c.undoes).is_(None)),
)
_COUNT_SINGLE = insert(_PROGRESS).from_select(
    [one.name for one in _PROGRESS.c],
    select(
        _STANDING.c.given_label,
        *(
            func.sum(case((_STANDING.c.verification_label == verdict, 1), else_=0))
            for verdict in (CORRECT, MISLABELLED, UNVERIFIED)
        ),
    ).group_by(_STANDING.c.given_label),
)
_COUNTED = select(*_PROGRESS.c).where(_PROGRESS.c.correct + _PROGRESS.c.wrong + _PROGRESS.c.unsure != 0)
_COLUMNS = 'split, "key", decision_id, given_label, verification_label, is_disputed'
_JOINED = 'FROM standing s LEFT JOIN kept k ON k.split = s.split AND k."key" = s."key" WHERE '
_MISSING = f"SELECT count(*) {_JOINED} k.decision_id IS NULL"
_OTHER = f"SELECT count(*) {_JOINED} " + " OR ".join(
    f"k.{name} <> s.{name}" for name in ("decision_id", "given_label", "verification_label", "is_disputed")
)
_SUPERFLUOUS = (
    'SELECT count(*) FROM kept k LEFT JOIN standing s ON k.split = s.split AND k."key" = s."key" '
    "WHERE s.decision_id IS NULL"
)


def update_standing(connection: Connection, names: Iterable[Name]) -> None:
    """Choose anew what stands for some samples; the caller's transaction holds the write lock."""
    changes: Counter[_Cell] = Counter()
    for split, keys in by_split(names):
        changes.update(_update_split(connection, split, keys))
    _count(connection, changes)


def rebuild_standing(connection: Connection) -> None:
    """Derive both tables from all decisions.

    Most samples were looked at once: there the database derives what stands by itself. The others are chosen for.
    """
    connection.execute(delete(_STANDING))
    connection.execute(delete(_PROGRESS))
    connection.execute(_PUT_SINGLE)
    connection.execute(_COUNT_SINGLE)
    if connection.dialect.name == "postgresql":
        # Rows of this transaction are in no statistics yet, and without them every page below reads whole tables.
        for name in ("decisions", "standing"):
            connection.execute(text(f"ANALYZE {name}"))
    last: list[Name] = []
    while True:
        page = _SEVERAL.where(_NAME > tuple_(*last[-1])) if last else _SEVERAL
        last = [(row.split, row.key) for row in connection.execute(page.limit(_REBUILD))]
        if not last:
            return
        update_standing(connection, last)


def repair_standing(connection: Connection) -> Repair:
    """Derive both tables anew, and count what differs from what was there."""
    counted = connection.execute(_COUNTED).all()
    connection.execute(text(f"CREATE TEMPORARY TABLE kept AS SELECT {_COLUMNS} FROM standing"))
    connection.execute(text('CREATE UNIQUE INDEX kept_by_sample ON kept (split, "key")'))
    rebuild_standing(connection)
    samples = connection.scalar(text("SELECT count(*) FROM standing")) or 0
    missing, other = (connection.scalar(text(query)) or 0 for query in (_MISSING, _OTHER))
    superfluous = connection.scalar(text(_SUPERFLUOUS)) or 0
    connection.execute(text("DROP TABLE kept"))
    differing = set(counted) ^ set(connection.execute(_COUNTED).all())
    return Repair(samples, missing, superfluous, other, len({row[0] for row in differing}))


def _update_split(connection: Connection, split: str, keys: Sequence[str]) -> Counter[_Cell]:
    """Update what stands; give by how much the number of samples in each cell changed."""
    said = _by_sample(connection.execute(_SAID, {"split": split, "keys": keys}))
    chosen = {name: standing for name, voices in said if (standing := choose_standing(voices)) is not None}
    known = {(row.split, row.key): row for row in connection.execute(_KNOWN, {"split": split, "keys": keys})}
    gone = [name[1] for name in known if name not in chosen]
    if gone:
        connection.execute(_FORGET, {"split": split, "keys": gone})
    rows = [_row(name, standing) for name, standing in chosen.items()]
    if rows:
        connection.execute(_PUT, rows)
    changes = Counter((one.voice.given_label, one.voice.verification_label) for one in chosen.values())
    changes.subtract((row.given_label, row.verification_label) for row in known.values())
    return changes


def _count(connection: Connection, changes: Counter[_Cell]) -> None:
    """Add to the counts by class."""
    rows = [
        {
            "given_label": given,
            "correct": changes[given, CORRECT],
            "wrong": changes[given, MISLABELLED],
            "unsure": changes[given, UNVERIFIED],
        }
        for given in sorted({given for (given, _), change in changes.items() if change})
    ]
    if rows:
        connection.execute(_ADD, rows)


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
