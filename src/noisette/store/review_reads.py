"""Reading decisions and what stands for samples: the statements, and the records made of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, tuple_

from noisette.store.review_models import DecisionRow, ProgressRow, StandingRow, review_of, stored_review
from noisette.store.review_names import CHUNK, Name, by_split, of_samples
from noisette.store.review_records import ClassProgress, Draw, StoredReview
from noisette.store.review_rule import Voice, standing_voices
from noisette.types import Review

FIRST_DRAWS = (
    select(func.min(DecisionRow.id))
    .where(DecisionRow.inclusion_probability.is_not(None))
    .group_by(DecisionRow.split, DecisionRow.key, DecisionRow.given_label)
)
"""Numbers of the first decision on each (split, key, given label) that says with what chance it was drawn."""

_LATEST = select(DecisionRow.__table__).join(StandingRow, DecisionRow.id == StandingRow.decision_id)
_STANDING_OF = _LATEST.where(of_samples(StandingRow.__table__))
_LATEST = _LATEST.order_by(DecisionRow.id)
_PROGRESS = select(ProgressRow.__table__).order_by(ProgressRow.given_label)
_DISPUTED = select(StandingRow.split, StandingRow.key).where(StandingRow.is_disputed).order_by(StandingRow.decision_id)
_NAMES = select(StandingRow.split, StandingRow.key).order_by(StandingRow.split, StandingRow.key).limit(CHUNK)
_SAID = select(DecisionRow.__table__).where(of_samples(DecisionRow.__table__))
_NUMBERED = select(DecisionRow.__table__).where(DecisionRow.id.in_(bindparam("ids", expanding=True)))
_SINCE = (
    select(DecisionRow.__table__)
    .where(DecisionRow.id > bindparam("after"))
    .order_by(DecisionRow.id)
    .limit(bindparam("most"))
)


def read_since(connection: Connection, decision_id: int, limit: int) -> list[StoredReview]:
    """See `ReviewStore.since`."""
    return [stored_review(row) for row in connection.execute(_SINCE, {"after": decision_id, "most": limit})]


def read_numbered(connection: Connection, decision_ids: Sequence[int]) -> list[StoredReview]:
    """See `ReviewStore.numbered`."""
    found: list[StoredReview] = []
    for start in range(0, len(decision_ids), CHUNK):
        rows = connection.execute(_NUMBERED, {"ids": decision_ids[start : start + CHUNK]})
        found += [stored_review(row) for row in rows]
    return sorted(found, key=lambda one: one.id)


def read_standing(connection: Connection, names: Sequence[Name]) -> dict[Name, StoredReview]:
    """See `ReviewStore.standing`."""
    found: dict[Name, StoredReview] = {}
    for split, keys in by_split(names):
        rows = connection.execute(_STANDING_OF, {"split": split, "keys": keys})
        found |= {(row.split, row.key): stored_review(row) for row in rows}
    return found


def read_latest(connection: Connection) -> dict[Name, Review]:
    """See `ReviewStore.latest`."""
    return {(row.split, row.key): review_of(row) for row in connection.execute(_LATEST)}


def read_progress(connection: Connection) -> dict[int, ClassProgress]:
    """See `ReviewStore.progress`."""
    return {
        given: ClassProgress(correct + wrong + unsure, correct, wrong, unsure)
        for given, correct, wrong, unsure in connection.execute(_PROGRESS)
        if correct or wrong or unsure
    }


def read_disputed(connection: Connection) -> list[Name]:
    """See `ReviewStore.disputed`."""
    return [(split, key) for split, key in connection.execute(_DISPUTED)]


def read_draws(connection: Connection) -> dict[tuple[str, str, int], Draw]:
    """See `ReviewStore.draws`."""
    row = DecisionRow
    query = select(row.split, row.key, row.given_label, row.queue, row.inclusion_probability)
    found = connection.execute(query.where(row.id.in_(FIRST_DRAWS)))
    return {
        (split, key, given): Draw(queue, chance) for split, key, given, queue, chance in found if chance is not None
    }


def names_after(connection: Connection, last: Name | None) -> list[Name]:
    """Give a page of samples for which a decision stands, by name; `last` ended the page before."""
    page = _NAMES if last is None else _NAMES.where(tuple_(StandingRow.split, StandingRow.key) > tuple_(*last))
    return [(split, key) for split, key in connection.execute(page)]


def read_voices(connection: Connection, names: Sequence[Name]) -> list[Review]:
    """Give the last decision of each reviewer on each of some samples, see `standing_voices`."""
    by_sample: dict[Name, list[Row[Any]]] = {name: [] for name in names}
    for split, keys in by_split(names):
        for row in connection.execute(_SAID, {"split": split, "keys": keys}):
            by_sample[row.split, row.key].append(row)
    voices: list[Review] = []
    for decisions in by_sample.values():
        records = {row.id: row for row in decisions}
        voices += [review_of(records[voice.id]) for voice in standing_voices([_voice(row) for row in decisions])]
    return voices


def _voice(row: Row[Any]) -> Voice:
    return Voice(row.id, row.given_label, row.verification_label, row.correct_label, row.reviewer, row.undoes)
