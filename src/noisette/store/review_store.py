"""The one home of verification labels: an append-only table of decisions, of people and of imported files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np
from sqlalchemy import Select, func, select

from noisette.store.review_append import append_reviews
from noisette.store.review_database import ReviewDatabase
from noisette.store.review_models import DecisionRow
from noisette.types import CORRECT, MISLABELLED, NOT_KNOWN, UNVERIFIED, BoolArray, IntArray, Review

_CHUNK = 200  # rows a statement: SQLite takes at most 999 variables in old builds


@dataclass(frozen=True, eq=False)
class ResolvedLabels:
    """The decisions that stand, in the order of the samples that were asked for.

    Attributes:
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified or unsure.
        correct_labels: (N,) class ids; -1 not known, -2 none of the classes.
        changed: (N,) True where the decision was about another given label: it does not count.
    """

    verification_labels: IntArray
    correct_labels: IntArray
    changed: BoolArray


@dataclass(frozen=True)
class ReviewCounts:
    """How many decisions there are, on how many samples, and what the last decision on each sample says."""

    decisions: int
    samples: int
    correct: int
    mislabelled: int
    unsure: int


class ReviewStore:
    """Decisions about samples; appended, never changed, safe to use from several processes.

    Args:
        url_or_path: a path of a SQLite file (made if missing), or a database URL.

    Example:
        >>> from datetime import UTC, datetime
        >>> store = ReviewStore("sqlite://")
        >>> store.append([Review(key="a.jpg", given_label=3, verification_label=0, time=datetime.now(UTC))])
        1
        >>> store.latest()["train", "a.jpg"].verification_label
        0
        >>> store.close()
    """

    def __init__(self, url_or_path: str | Path) -> None:
        self._database = ReviewDatabase(url_or_path)

    def append(self, reviews: Iterable[Review]) -> int:
        """Add decisions in one transaction: all of them or, if the process dies, none.

        A decision that is there already is not added again. For queue "import" that is one that repeats the last
        imported decision of the same reviewer on the same sample, so importing a file twice adds nothing; for other
        queues one that has the same time as well.

        Returns:
            The number of decisions added.

        Raises:
            InvalidInputError: a value is not one of those allowed; nothing is added.
            WorkspaceError: the database cannot be written to.
        """
        waiting, added = iter(reviews), 0
        with self._database.session_scope(write=True) as session:
            while chunk := list(islice(waiting, _CHUNK)):
                added += append_reviews(session, chunk)
        return added

    def reviews(self) -> Iterator[Review]:
        """Yield every decision in the order it was added."""
        last = 0
        while True:
            with self._database.session_scope() as session:
                query = select(DecisionRow).where(DecisionRow.id > last).order_by(DecisionRow.id).limit(1000)
                rows = list(session.scalars(query))
            if not rows:
                return
            last = rows[-1].id
            yield from (row.to_review() for row in rows)

    def latest(self) -> dict[tuple[str, str], Review]:
        """Give the decision that stands for each (split, key): the last one added, "unsure" included."""
        with self._database.session_scope() as session:
            rows = session.scalars(_standing()).yield_per(1000)
            return {(row.split, row.key): row.to_review() for row in rows}

    def resolve(self, splits: Sequence[str], keys: Sequence[str], given_labels: IntArray) -> ResolvedLabels:
        """Give the labels that stand for N samples, aligned to them; see `ResolvedLabels`."""
        standing = self.latest()
        verdicts = np.full(len(keys), UNVERIFIED, dtype=np.int64)
        correct = np.full(len(keys), NOT_KNOWN, dtype=np.int64)
        changed = np.zeros(len(keys), dtype=np.bool_)
        for row, name in enumerate(zip(splits, keys, strict=True)):
            review = standing.get(name)
            if review is None:
                continue
            changed[row] = review.given_label != given_labels[row]
            if not changed[row]:
                verdicts[row], correct[row] = review.verification_label, review.correct_label
        return ResolvedLabels(verdicts, correct, changed)

    def counts(self) -> ReviewCounts:
        """Count decisions, reviewed samples, and what stands for them."""
        standing = _standing().subquery()
        label = standing.c.verification_label
        with self._database.session_scope() as session:
            decisions = session.scalar(select(func.count()).select_from(DecisionRow)) or 0
            by_label: dict[int, int] = {
                value: count for value, count in session.execute(select(label, func.count()).group_by(label))
            }
        correct, wrong, unsure = (by_label.get(value, 0) for value in (CORRECT, MISLABELLED, UNVERIFIED))
        return ReviewCounts(decisions, correct + wrong + unsure, correct, wrong, unsure)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> ReviewStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _standing() -> Select[DecisionRow]:
    last = select(func.max(DecisionRow.id)).group_by(DecisionRow.split, DecisionRow.key)
    return select(DecisionRow).where(DecisionRow.id.in_(last)).order_by(DecisionRow.id)
