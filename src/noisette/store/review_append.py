"""Appending decisions so that none gets in twice."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, insert, select
from sqlalchemy.orm import Session

from noisette.errors import InvalidInputError
from noisette.store.review_models import DecisionRow, review_of
from noisette.store.review_names import by_split, of_samples
from noisette.store.review_standing import update_standing
from noisette.types import CORRECT, MISLABELLED, NONE_OF_THE_CLASSES, UNVERIFIED, Review

_Who = tuple[str, str, str, str]
"""split, key, reviewer, queue"""
_Said = tuple[int, int, int, float | None]
"""given label, verification label, correct label, inclusion probability"""
_Rows = dict[str, dict[str, Any]]
"""rows of the table, by identity"""

_TABLE = cast(Table, DecisionRow.__table__)
_INSERT = insert(_TABLE)
_SAID = select(_TABLE).where(of_samples(_TABLE)).order_by(_TABLE.c.id)
_NUMBERED = select(_TABLE).where(_TABLE.c.id.in_(bindparam("ids", expanding=True)))
_UNDONE = select(_TABLE.c.undoes, _TABLE.c.id).where(_TABLE.c.undoes.in_(bindparam("ids", expanding=True)))
_FIND = select(_TABLE.c.identity, _TABLE.c.id).where(_TABLE.c.identity.in_(bindparam("identities", expanding=True)))


def append_reviews(session: Session, reviews: list[Review], *, from_file: bool = False) -> int:
    """Check decisions and insert those that are new; give how many. The caller's transaction holds the write lock."""
    for review in reviews:
        _check(review)
    imported = [review for review in reviews if _is_imported(review, from_file)]
    before = _last_imports(session, imported)
    rows: _Rows = {}
    for review in reviews:
        if not _is_imported(review, from_file):
            identity = _identity(review, review.time.isoformat())
        else:
            who, said = (review.split, review.key, review.reviewer, review.queue), _said(review)
            last = before.get(who)
            if last is not None and last[0] == said:
                continue
            identity = _identity(review, last[1] if last else "")
            before[who] = (said, identity)
        rows.setdefault(identity, _columns(review) | {"identity": identity})
    return _insert_new(session.connection(), rows, _ids(session.connection(), rows))


def add_reviews(session: Session, reviews: list[Review]) -> list[int]:
    """Check decisions of people and insert those that are new; give the number of each one's row, new or not."""
    for review in reviews:
        _check(review)
    identities = [_identity(review, review.time.isoformat()) for review in reviews]
    rows: _Rows = {}
    for identity, review in zip(identities, reviews, strict=True):
        rows.setdefault(identity, _columns(review) | {"identity": identity})
    ids = _insert(session.connection(), rows)
    return [ids[identity] for identity in identities]


def undo_decisions(session: Session, decision_ids: Sequence[int], reviewer: str, time: datetime) -> list[int]:
    """Insert a row for each decision that takes it back, unless there is one; give the numbers, in their order.

    Raises:
        InvalidInputError: there is no such decision.
    """
    connection = session.connection()
    done = {row.undoes: row.id for row in connection.execute(_UNDONE, {"ids": decision_ids})}
    said = {row.id: row for row in connection.execute(_NUMBERED, {"ids": decision_ids})}
    rows: _Rows = {}
    for number in decision_ids:
        row = said.get(number)
        if row is None or row.undoes is not None:
            what = "there is no decision of that number" if row is None else "that is no decision, but takes one back"
            raise InvalidInputError(f"`decision_id` must be the number of a decision, got {number}: {what}")
        if number not in done:
            identity = _hash("undo", str(number))
            rows[identity] = _undoing(review_of(row), reviewer, time) | {"identity": identity, "undoes": number}
    ids = _insert(connection, rows)
    return [done[number] if number in done else ids[_hash("undo", str(number))] for number in decision_ids]


def _undoing(said: Review, reviewer: str, time: datetime) -> dict[str, Any]:
    undoing = replace(
        said,
        reviewer=reviewer,
        time=time,
        queue="undo",
        inclusion_probability=None,
        seconds=None,
        is_bulk=False,
        client_id="",
    )
    _check(undoing)
    return _columns(undoing)


def ids_by_token(session: Session, client_id: str, names: Iterable[tuple[str, str]]) -> list[int]:
    """Give the numbers of the decisions that one token carried to some (split, key), undone or not."""
    return sorted(_ids(session.connection(), [_hash("client", client_id, *name) for name in names]).values())


def _insert(connection: Connection, rows: _Rows) -> dict[str, int]:
    """Insert the rows that are not there yet; give the number of each one, by identity."""
    known = _ids(connection, rows)
    if _insert_new(connection, rows, known):
        known |= _ids(connection, [identity for identity in rows if identity not in known])
    return known


def _insert_new(connection: Connection, rows: _Rows, known: Mapping[str, int]) -> int:
    """Insert the rows whose identity is not known, and choose anew what stands for their samples; give how many."""
    new = [row for identity, row in rows.items() if identity not in known]
    if new:
        connection.execute(_INSERT, new)
        update_standing(connection, [(row["split"], row["key"]) for row in new])
    return len(new)


def _ids(connection: Connection, identities: Iterable[str]) -> dict[str, int]:
    return {row.identity: row.id for row in connection.execute(_FIND, {"identities": list(identities)})}


def _is_imported(review: Review, from_file: bool) -> bool:
    return not review.client_id and (from_file or review.queue == "import")


def _last_imports(session: Session, reviews: list[Review]) -> dict[_Who, tuple[_Said, str]]:
    """Give what the last decision of each reviewer in each queue on these samples said, and its identity."""
    if not reviews:
        return {}
    queues = {review.queue for review in reviews}
    connection = session.connection()
    found: list[tuple[Review, str]] = []
    for split, keys in by_split((review.split, review.key) for review in reviews):
        rows = connection.execute(_SAID, {"split": split, "keys": keys})
        found += [(review_of(row), row.identity) for row in rows if row.queue in queues]
    return {(one.split, one.key, one.reviewer, one.queue): (_said(one), identity) for one, identity in found}


def _said(review: Review) -> _Said:
    return review.given_label, review.verification_label, review.correct_label, review.inclusion_probability


def _identity(review: Review, after: str) -> str:
    """Hash a decision together with what tells it from an earlier one that said the same; a token alone does, too."""
    if review.client_id:
        return _hash("client", review.client_id, review.split, review.key)
    return _hash(review.split, review.key, review.reviewer, review.queue, *map(str, _said(review)[:3]), after)


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _columns(review: Review) -> dict[str, Any]:
    return {
        "split": review.split,
        "key": review.key,
        "given_label": int(review.given_label),
        "verification_label": int(review.verification_label),
        "correct_label": int(review.correct_label),
        "reviewer": review.reviewer,
        "time": review.time,
        "queue": review.queue,
        "inclusion_probability": review.inclusion_probability,
        "seconds": review.seconds,
        "is_bulk": bool(review.is_bulk),
        "model_quality": review.model_quality,
        "model_suggestion": None if review.model_suggestion is None else int(review.model_suggestion),
        "client_id": review.client_id,
        "undoes": None,
    }


def _check(review: Review) -> None:
    where = f"of the review of {review.key!r}"
    if not review.key:
        raise InvalidInputError("`key` of a review must not be empty")
    if review.verification_label not in (CORRECT, MISLABELLED, UNVERIFIED):
        raise InvalidInputError(f"`verification_label` {where} must be 1, 0 or -1, got {review.verification_label}")
    if review.correct_label < NONE_OF_THE_CLASSES:
        raise InvalidInputError(f"`correct_label` {where} must be a class id, -1 or -2, got {review.correct_label}")
    if review.time.tzinfo is None:
        raise InvalidInputError(f"`time` {where} needs a time zone; use datetime.now(UTC)")
    if review.inclusion_probability is not None and not 0 < review.inclusion_probability <= 1:
        got = review.inclusion_probability
        raise InvalidInputError(f"`inclusion_probability` {where} must lie in (0, 1], got {got}")
    if review.seconds is not None and not 0 <= review.seconds < math.inf:
        raise InvalidInputError(f"`seconds` {where} must be a number from 0 on, got {review.seconds}")
    if review.model_quality is not None and not 0 <= review.model_quality <= 1:
        raise InvalidInputError(f"`model_quality` {where} must lie in [0, 1], got {review.model_quality}")
    if review.model_suggestion is not None and review.model_suggestion < NONE_OF_THE_CLASSES:
        got = review.model_suggestion
        raise InvalidInputError(f"`model_suggestion` {where} must be a class id, -1 or -2, got {got}")
