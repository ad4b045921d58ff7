"""The one home of verification labels: an append-only table of decisions, of people and of imported files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np
from sqlalchemy import Select, func, select

from noisette.store.review_append import append_reviews
from noisette.store.review_database import ReviewDatabase
from noisette.store.review_models import DecisionRow
from noisette.store.review_records import Draw, ResolvedLabels, ReviewCounts
from noisette.types import CORRECT, MISLABELLED, RANDOM_QUEUES, UNVERIFIED, IntArray, Review

_CHUNK = 200  # rows a statement: SQLite takes at most 999 variables in old builds


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

    def append(self, reviews: Iterable[Review], *, from_file: bool = False) -> int:
        """Add decisions in one transaction: all of them or, if the process dies, none.

        A decision that is there already is not added again. For queue "import" that is one that repeats the last
        decision of the same reviewer in that queue on the same sample, so importing a file twice adds nothing; for
        other queues one that has the same time as well.

        Args:
            reviews: the decisions.
            from_file: every queue counts as "import" does: a file may state the queue, and has no times.

        Returns:
            The number of decisions added.

        Raises:
            InvalidInputError: a value is not one of those allowed; nothing is added.
            WorkspaceError: the database cannot be written to.
        """
        waiting, added = iter(reviews), 0
        with self._database.session_scope(write=True) as session:
            while chunk := list(islice(waiting, _CHUNK)):
                added += append_reviews(session, chunk, from_file=from_file)
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
        standing, draws = self.latest(), self.draws()
        found = ResolvedLabels.none_of(len(keys))
        for row, name in enumerate(zip(splits, keys, strict=True)):
            review = standing.get(name)
            if review is None:
                continue
            found.changed[row] = review.given_label != given_labels[row]
            if found.changed[row]:
                continue
            found.verification_labels[row], found.correct_labels[row] = review.verification_label, review.correct_label
            found.is_unsure[row] = review.verification_label == UNVERIFIED
            draw = draws.get((*name, review.given_label))
            if draw is not None and not found.is_unsure[row]:
                found.inclusion_probabilities[row] = draw.inclusion_probability
                found.is_audit[row] = draw.queue in RANDOM_QUEUES
        return found

    def draws(self) -> dict[tuple[str, str, int], Draw]:
        """Give how each (split, key, given label) was drawn, where a decision says with what chance.

        The first decision that says so counts: that a sample was looked at once more, for whatever reason, does not
        change how it got among the verified ones.
        """
        row = DecisionRow
        known = select(func.min(row.id)).where(row.inclusion_probability.is_not(None))
        first = known.group_by(row.split, row.key, row.given_label)
        query = select(row.split, row.key, row.given_label, row.queue, row.inclusion_probability)
        with self._database.session_scope() as session:
            found = session.execute(query.where(row.id.in_(first)))
            return {
                (split, key, given): Draw(queue, chance)
                for split, key, given, queue, chance in found
                if chance is not None
            }

    def median_seconds(self) -> float | None:
        """Give how long a decision takes: the median of all that were timed, None where none was."""
        query = select(DecisionRow.seconds).where(DecisionRow.seconds > 0)
        with self._database.session_scope() as session:
            seconds = [value for value in session.scalars(query) if value is not None]
        return float(np.median(seconds)) if seconds else None

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
