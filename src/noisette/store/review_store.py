"""The one home of verification labels: an append-only table of decisions, of people and of imported files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np
from sqlalchemy import func, select

from noisette.store.review_append import add_reviews, append_reviews, ids_by_token, undo_decisions
from noisette.store.review_columns import (
    DrawColumns,
    StandingColumns,
    draw_columns,
    resolve_labels,
    standing_columns,
)
from noisette.store.review_copy import copy_decisions
from noisette.store.review_database import ReviewDatabase
from noisette.store.review_models import DecisionRow
from noisette.store.review_names import CHUNK as _CHUNK
from noisette.store.review_reads import (
    names_after,
    read_disputed,
    read_draws,
    read_latest,
    read_numbered,
    read_progress,
    read_since,
    read_standing,
    read_voices,
)
from noisette.store.review_records import ClassProgress, Draw, Repair, ResolvedLabels, ReviewCounts, StoredReview
from noisette.store.review_standing import repair_standing
from noisette.types import IntArray, Review


class ReviewStore:
    """Decisions about samples; appended, never changed, safe to use from several processes.

    Args:
        url_or_path: a path of a SQLite file (made if missing), or a database URL.
        workspace_id, take_over: whose decisions they are, see `ReviewDatabase`.

    Example:
        >>> from datetime import UTC, datetime
        >>> store = ReviewStore("sqlite://")
        >>> store.append([Review(key="a.jpg", given_label=3, verification_label=0, time=datetime.now(UTC))])
        1
        >>> store.latest()["train", "a.jpg"].verification_label
        0
        >>> store.close()
    """

    def __init__(self, url_or_path: str | Path, workspace_id: str = "", *, take_over: bool = False) -> None:
        self._database = ReviewDatabase(url_or_path, workspace_id, take_over=take_over)

    def expect_many_writes(self) -> None:
        """Prepare for one decision after the other, each waited for: what SQLite tidies up, it does beside them."""
        self._database.checkpoint_beside()

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

    def add(self, review: Review) -> int:
        """Add one decision of a person; it is on disk when this returns. Give the number of its row.

        A decision that is there already (the same `client_id` on the same sample; without one, the same content and
        time) is not added again, and keeps its number.

        Raises:
            InvalidInputError: a value is not one of those allowed.
            WorkspaceError: the database cannot be written to.
        """
        return self.add_many([review])[0]

    def add_many(self, reviews: Sequence[Review]) -> list[int]:
        """Add decisions as `add` does, all in one transaction, and give the numbers of their rows, in their order."""
        numbers: list[int] = []
        with self._database.session_scope(write=True) as session:
            for start in range(0, len(reviews), _CHUNK):
                numbers += add_reviews(session, list(reviews[start : start + _CHUNK]))
        return numbers

    def undo(self, decision_id: int, *, reviewer: str, time: datetime) -> int:
        """Take a decision back by a new row, and give that row's number; neither of the two ever stands.

        What the reviewer had said of the sample before stands again, if he had. Twice is once: the same number again.

        Raises:
            InvalidInputError: there is no decision of that number, or it is the number of such a row.
            WorkspaceError: the database cannot be written to.
        """
        return self.undo_many([decision_id], reviewer=reviewer, time=time)[0]

    def undo_many(self, decision_ids: Sequence[int], *, reviewer: str, time: datetime) -> list[int]:
        """Take decisions back as `undo` does, all in one transaction or none; give the numbers of the new rows."""
        numbers: list[int] = []
        with self._database.session_scope(write=True) as session:
            for start in range(0, len(decision_ids), _CHUNK):
                numbers += undo_decisions(session, decision_ids[start : start + _CHUNK], reviewer, time)
        return numbers

    def ids_by_token(self, client_id: str, keys: Sequence[tuple[str, str]]) -> list[int]:
        """Give the numbers of the decisions that one `client_id` carried to some (split, key), ascending."""
        numbers: list[int] = []
        with self._database.session_scope() as session:
            for start in range(0, len(keys), _CHUNK):
                numbers += ids_by_token(session, client_id, keys[start : start + _CHUNK])
        return sorted(numbers)

    def since(self, decision_id: int, limit: int) -> list[StoredReview]:
        """Give up to `limit` rows with higher numbers than `decision_id`, decisions and undoings, in their order."""
        with self._database.session_scope() as session:
            return read_since(session.connection(), decision_id, limit)

    def numbered(self, decision_ids: Sequence[int]) -> list[StoredReview]:
        """Give the rows of these numbers, decisions and undoings, in the order of the numbers; others are left out."""
        with self._database.session_scope() as session:
            return read_numbered(session.connection(), decision_ids)

    def last_id(self) -> int:
        """Give the number of the last row; 0 where there is none."""
        with self._database.session_scope() as session:
            return session.scalar(select(func.max(DecisionRow.id))) or 0

    def standing(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], StoredReview]:
        """Give the decision that stands for each of some (split, key), where there is one; see `latest`.

        Takes time by the number of keys, not by that of the decisions: it is made for one page.
        """
        with self._database.session_scope() as session:
            return read_standing(session.connection(), keys)

    def standing_columns(self) -> StandingColumns:
        """Give what stands for every sample that somebody decided on, as columns.

        What is decided meanwhile may or may not be in it: ask for `last_id` before, `since` it after.
        """
        with self._database.session_scope() as session:
            return standing_columns(session.connection())

    def draw_columns(self) -> DrawColumns:
        """Give what `draws` gives, as columns."""
        with self._database.session_scope() as session:
            return draw_columns(session.connection())

    def progress(self) -> dict[int, ClassProgress]:
        """Count, for each given label that somebody decided on, the samples and what stands for them.

        A table kept in the same transaction as the decisions is read, so it takes time by the number of classes.
        """
        with self._database.session_scope() as session:
            return read_progress(session.connection())

    def disputed(self) -> list[tuple[str, str]]:
        """Give the (split, key) of the samples on which reviewers disagree, in verdict or in class, the latest last."""
        with self._database.session_scope() as session:
            return read_disputed(session.connection())

    def voices(self) -> Iterator[Review]:
        """Yield the last decision of each reviewer on each sample, those undone left out, a sample after the other."""
        last: tuple[str, str] | None = None
        while True:
            with self._database.session_scope() as session:
                connection = session.connection()
                names = names_after(connection, last)
                voices = read_voices(connection, names)
            if not names:
                return
            yield from voices
            last = names[-1]

    def copy_from(self, source: ReviewStore) -> int:
        """Append every row of another store, undoings too, if there is none here yet; give their number.

        Raises:
            WorkspaceError: one of the two databases cannot be used; nothing is added.
        """
        with source._database.session_scope() as theirs, self._database.session_scope(write=True) as ours:
            return copy_decisions(theirs, ours)

    def repair(self) -> Repair:
        """Derive what stands and the counts by class anew from the decisions, in one transaction; say what differed.

        Both follow from the decisions, which are not touched.
        """
        with self._database.session_scope(write=True) as session:
            return repair_standing(session.connection())

    @property
    def name(self) -> str:
        """What people call the database: its path, or its URL without the password."""
        return self._database.name

    def reviews(self) -> Iterator[Review]:
        """Yield every decision in the order it was added, those that were undone later too."""
        last = 0
        while rows := self.since(last, 1000):
            last = rows[-1].id
            yield from (row.review for row in rows if row.undoes is None)

    def latest(self) -> dict[tuple[str, str], Review]:
        """Give the decision that stands for each (split, key), "unsure" included.

        With one reviewer that is his last one that was not undone; several vote, see `review_rule.choose_standing`.
        """
        with self._database.session_scope() as session:
            return read_latest(session.connection())

    def resolve(self, splits: Sequence[str], keys: Sequence[str], given_labels: IntArray) -> ResolvedLabels:
        """Give the labels that stand for N samples, aligned to them; see `ResolvedLabels`."""
        with self._database.session_scope() as session:
            connection = session.connection()
            standing, draws = standing_columns(connection), draw_columns(connection)
        return resolve_labels(standing, draws, splits, keys, given_labels)

    def draws(self) -> dict[tuple[str, str, int], Draw]:
        """Give how each (split, key, given label) was drawn, where a decision says with what chance.

        The first decision that says so counts: that a sample was looked at once more, for whatever reason, does not
        change how it got among the verified ones.
        """
        with self._database.session_scope() as session:
            return read_draws(session.connection())

    def median_seconds(self) -> float | None:
        """Give how long a decision takes: the median of all that were timed, None where none was."""
        query = select(DecisionRow.seconds).where(DecisionRow.seconds > 0)
        with self._database.session_scope() as session:
            seconds = [value for value in session.scalars(query) if value is not None]
        return float(np.median(seconds)) if seconds else None

    def counts(self) -> ReviewCounts:
        """Count decisions, reviewed samples, and what stands for them."""
        progress = self.progress().values()
        with self._database.session_scope() as session:
            count = select(func.count()).select_from(DecisionRow).where(DecisionRow.undoes.is_(None))
            decisions = session.scalar(count) or 0
        correct, wrong = sum(one.correct for one in progress), sum(one.wrong for one in progress)
        unsure = sum(one.unsure for one in progress)
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
