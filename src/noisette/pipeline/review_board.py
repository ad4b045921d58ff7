"""What stands for every sample, held in columns beside the store, and counted by class: what the page shows at once.

The store is the truth. The board only ever changes by reading from it, so it shows what is on disk, also what other
servers and `noisette labels import` have added.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from noisette.pipeline.review_errors import class_error, total_error
from noisette.pipeline.review_samples import ReviewSamples
from noisette.store import ReviewStore, StoredReview
from noisette.types import CORRECT, NONE_OF_THE_CLASSES, NOT_KNOWN, RANDOM_QUEUES, UNVERIFIED, BoolArray, Review

OPEN, IS_CORRECT, IS_WRONG, IS_NONE, IS_UNSURE = range(5)
STATES = ("open", "correct", "wrong", "none", "unsure")
_ROWS_AT_ONCE = 1000


class ReviewBoard:
    """The decisions on N samples.

    Args:
        samples: the samples.
        store: their decisions.
    """

    def __init__(self, samples: ReviewSamples, store: ReviewStore) -> None:
        self._samples, self._store = samples, store
        self._lock = threading.RLock()
        size, classes = len(samples), len(samples.class_names)
        self.state = np.zeros(size, dtype=np.int8)
        self.correct_label = np.full(size, NOT_KNOWN, dtype=np.int32)
        self.decision_id = np.full(size, -1, dtype=np.int64)
        self._chance = np.zeros(size, dtype=np.float32)  # of a random draw; 0 = was not drawn at random
        self._is_drawn = np.zeros(size, dtype=np.bool_)
        self.counts = np.zeros((classes, len(STATES)), dtype=np.int64)
        # Of samples drawn at random: how many, of which wrong, sum of weights, of those wrong, of squared weights.
        self._audit = np.zeros((classes, 5))
        self.last, self._read_at = 0, -math.inf
        self._disputed: list[int] | None = None
        self._load()

    def is_decided(self) -> BoolArray:
        """(N,) True where somebody has decided, "unsure" included."""
        found: BoolArray = self.state != OPEN
        return found

    def refresh(self, max_age: float = 0.0) -> None:
        """Read what is new in the store, unless that was done in the last `max_age` seconds."""
        with self._lock:
            if time.monotonic() - self._read_at < max_age:
                return
            self._read_at, found = time.monotonic(), self._store.since(self.last, _ROWS_AT_ONCE)
            while found:
                self._apply(found)
                self.last = found[-1].id
                found = self._store.since(self.last, _ROWS_AT_ONCE) if len(found) == _ROWS_AT_ONCE else []

    def take(self, numbers: Sequence[int], reviews: Sequence[Review]) -> None:
        """Note what was just stored. Where that leaves a doubt about what stands, the store is read.

        There is none where no other row came in between and each sample was open: then these decisions stand alone.
        """
        with self._lock:
            rows = [self._samples.row_of((review.split, review.key)) for review in reviews]
            follow = list(numbers) == list(range(self.last + 1, self.last + 1 + len(reviews)))
            if not follow or len(set(rows)) < len(rows) or any(row is None or self.state[row] != OPEN for row in rows):
                self.refresh()
                return
            for row, number, review in zip(rows, numbers, reviews, strict=True):
                assert row is not None  # just looked at
                if review.inclusion_probability is not None:
                    self._draw(row, review.queue, review.inclusion_probability)
                self._stand(row, StoredReview(number, review))
            self.last = numbers[-1] if numbers else self.last

    def disputed(self) -> list[int]:
        """Give the rows on which reviewers disagree, the latest last."""
        with self._lock:
            if self._disputed is None:
                rows = [self._samples.row_of(name) for name in self._store.disputed()]
                self._disputed = [row for row in rows if row is not None]
            return self._disputed

    def total(self) -> dict[str, Any]:
        """Count over all classes; `error` is the share of wrong labels with its interval, None where not known."""
        with self._lock:
            counts, audit = self.counts.sum(axis=0), self._audit.sum(axis=0)
        return _progress(counts) | {"error": total_error(_verdicts(counts), int(counts.sum()), audit[2:])}

    def of_class(self, class_id: int) -> dict[str, Any]:
        """Count one class, see `total`."""
        with self._lock:
            counts, audit = self.counts[class_id].copy(), self._audit[class_id].copy()
        error = class_error(_verdicts(counts), int(counts.sum()), (int(audit[0]), int(audit[1])))
        return {"id": class_id} | _progress(counts) | {"error": error}

    def _load(self) -> None:
        """Read everything once, column by column."""
        self.last = self._store.last_id()  # first, so that what comes in meanwhile is read by `refresh`
        draws, given = self._store.draw_columns(), self._samples.given
        places = self._samples.places_in(draws, given)
        self._is_drawn = places >= 0
        rows = np.flatnonzero(self._is_drawn)
        chances = draws.inclusion_probabilities * draws.is_random
        self._chance[rows] = chances[places[rows]]
        standing = self._store.standing_columns()
        places = self._samples.places_in(standing)
        rows = np.flatnonzero(places >= 0)
        rows = rows[standing.given_labels[places[rows]] == given[rows]]
        places = places[rows]
        verdict, correct = standing.verification_labels[places], standing.correct_labels[places]
        kinds = [verdict == UNVERIFIED, verdict == CORRECT, correct == NONE_OF_THE_CLASSES]
        self.state[rows] = np.select(kinds, [IS_UNSURE, IS_CORRECT, IS_NONE], IS_WRONG)
        self.correct_label[rows], self.decision_id[rows] = correct, standing.ids[places]
        self._count_all()

    def _count_all(self) -> None:
        """Count anew what `_set` keeps up to date."""
        given, state = self._samples.given, self.state
        cells = given.astype(np.int64) * len(STATES) + state
        self.counts[:] = np.bincount(cells, minlength=self.counts.size).reshape(self.counts.shape)
        rows = np.flatnonzero((self._chance > 0) & (state != OPEN) & (state != IS_UNSURE))
        is_wrong, weight = state[rows] != IS_CORRECT, 1 / self._chance[rows].astype(np.float64)
        for place, added in enumerate((np.ones(rows.size), is_wrong, weight, weight * is_wrong, weight * weight)):
            self._audit[:, place] = np.bincount(given[rows], added, minlength=len(self._audit))

    def _apply(self, found: Sequence[StoredReview]) -> None:
        rows: dict[int, tuple[str, str]] = {}
        for one in found:
            name = (one.review.split, one.review.key)
            row = self._samples.row_of(name)
            if row is None:
                continue
            rows[row] = name
            if one.undoes is not None or self.state[row] != OPEN:
                self._disputed = None  # one voice on a sample cannot disagree with itself
            if one.review.inclusion_probability is not None and one.review.given_label == self._samples.given[row]:
                self._draw(row, one.review.queue, one.review.inclusion_probability)
        standing = self._store.standing(list(rows.values()))
        for row, name in rows.items():
            self._stand(row, standing.get(name))

    def _stand(self, row: int, stored: StoredReview | None) -> None:
        if stored is None or stored.review.given_label != self._samples.given[row]:
            self._set(row, OPEN, NOT_KNOWN, -1)
            return
        review: Review = stored.review
        self._set(row, _state(review.verification_label, review.correct_label), review.correct_label, stored.id)

    def _draw(self, row: int, queue: str, chance: float) -> None:
        """Note how a sample was drawn; the first draw counts."""
        if self._is_drawn[row]:
            return
        self._is_drawn[row] = True
        if queue in RANDOM_QUEUES:
            self._chance[row] = chance
            self._count_audit(row, 1)

    def _set(self, row: int, state: int, correct_label: int, decision_id: int) -> None:
        class_id = self._samples.given[row]
        self._count_audit(row, -1)
        self.counts[class_id, self.state[row]] -= 1
        self.state[row], self.correct_label[row], self.decision_id[row] = state, correct_label, decision_id
        self.counts[class_id, state] += 1
        self._count_audit(row, 1)

    def _count_audit(self, row: int, sign: int) -> None:
        state, chance = self.state[row], float(self._chance[row])
        if chance == 0 or state in (OPEN, IS_UNSURE):
            return
        is_wrong, weight = state != IS_CORRECT, 1 / chance
        added = np.array([1, is_wrong, weight, weight * is_wrong, weight * weight])
        self._audit[self._samples.given[row]] += sign * added


def _state(verdict: int, correct_label: int) -> int:
    if verdict == UNVERIFIED:
        return IS_UNSURE
    if verdict == CORRECT:
        return IS_CORRECT
    return IS_NONE if correct_label == NONE_OF_THE_CLASSES else IS_WRONG


def _verdicts(counts: np.ndarray) -> tuple[int, int]:
    return int(counts[IS_CORRECT]), int(counts[IS_WRONG] + counts[IS_NONE])


def _progress(counts: np.ndarray) -> dict[str, int]:
    correct, wrong = _verdicts(counts)
    unsure, samples = int(counts[IS_UNSURE]), int(counts.sum())
    return {
        "samples": samples,
        "decided": correct + wrong + unsure,
        "correct": correct,
        "wrong": wrong,
        "unsure": unsure,
    }
