"""Decisions of many requests into the store: those that wait at the same time go into one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from noisette.store import ReviewStore
from noisette.types import Review


@dataclass(eq=False)
class _Waiting:
    reviews: Sequence[Review]
    numbers: list[int] = field(default_factory=list)
    error: Exception | None = None
    is_done: bool = False


class DecisionWriter:
    """Writes one transaction after the other; who waits for one goes into the next, together with all others.

    So a transaction, its flush to disk and what is read after it are paid once for all who wait, however many they are.
    (SQLite itself would let a second writer sleep and try again.)

    Args:
        store: the store.
        written: called with numbers and decisions after each transaction, before anybody is told.
    """

    def __init__(self, store: ReviewStore, written: Callable[[list[int], list[Review]], object]) -> None:
        self._store, self._written = store, written
        store.expect_many_writes()
        self._queue: list[_Waiting] = []
        self._queueing, self.writing = threading.Lock(), threading.RLock()

    def add(self, reviews: Sequence[Review]) -> list[int]:
        """Add decisions, all or none; they are on disk when this returns. Give the numbers of their rows.

        Raises:
            InvalidInputError: a value is not one of those allowed.
            WorkspaceError: the database cannot be written to.
        """
        mine = _Waiting(reviews)
        with self._queueing:
            self._queue.append(mine)
        with self.writing:
            if not mine.is_done:
                with self._queueing:
                    batch, self._queue = self._queue, []
                self._write(batch)
        if mine.error is not None:
            raise mine.error
        return mine.numbers

    def num_waiting(self) -> int:
        """Give how many wait for the next transaction."""
        with self._queueing:
            return len(self._queue)

    def _write(self, batch: list[_Waiting]) -> None:
        try:
            self._write_together(batch)
        except Exception as error:  # whatever it is, it belongs to those whose decisions it kept from being stored
            if len(batch) == 1:
                batch[0].error, batch[0].is_done = error, True
                return
            for one in batch:  # the decision of one must not take down those of others
                self._write([one])

    def _write_together(self, batch: list[_Waiting]) -> None:
        reviews = [review for one in batch for review in one.reviews]
        numbers = self._store.add_many(reviews)
        self._written(numbers, reviews)
        start = 0
        for one in batch:
            one.numbers = numbers[start : start + len(one.reviews)]
            start += len(one.reviews)
            one.is_done = True
