"""The queues of the review page: which samples in which order, and one page of them at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from noisette.data import read_label_file
from noisette.errors import InvalidInputError, NoisetteError
from noisette.pipeline.plan_file import AUDIT, CHOSEN
from noisette.pipeline.review_audit import AuditDraws
from noisette.pipeline.review_board import OPEN, ReviewBoard
from noisette.pipeline.review_samples import Int32Array, ReviewSamples
from noisette.pipeline.review_scores import ReviewScores
from noisette.pipeline.workspace import Workspace
from noisette.store import Draw
from noisette.types import BadRows

QueueName = Literal["class", "plan", "suspicious", "audit", "disagreement"]
QUEUE_NAMES: tuple[QueueName, ...] = get_args(QueueName)
_SCANNED_AT_ONCE = 4096


@dataclass(frozen=True)
class QueuePage:
    """Some rows of a queue, the cursor of what follows (None = that was all), and how many the whole queue has."""

    rows: list[int]
    next_cursor: str | None
    total: int


class ReviewQueues:
    """Orders are made when first asked for and kept; a page of one takes time by its length.

    Args:
        workspace: the workspace.
        samples, scores, board, audit: what orders follow from; without scores nothing is suspicious.
    """

    def __init__(
        self,
        workspace: Workspace,
        samples: ReviewSamples,
        scores: ReviewScores | None,
        board: ReviewBoard,
        audit: AuditDraws,
    ) -> None:
        self._samples, self._scores, self._board, self._audit = samples, scores, board, audit
        self._plan = _PlanQueue(workspace, samples)
        self._kept: dict[tuple[str, int | None], Int32Array] = {}
        self._lock = threading.Lock()

    def page(self, queue: QueueName, class_id: int | None, cursor: str, limit: int, *, only_open: bool) -> QueuePage:
        """Give the rows after the cursor ("" = from the start), at most `limit`.

        Raises:
            InvalidInputError: the cursor is none, or a queue of one class is asked for without a class.
        """
        order = self.order(queue, class_id)
        start = _after(order, cursor)
        total = self.count(queue, class_id, only_open=only_open)
        if not only_open:
            rows = order[start : start + limit].tolist()
            return QueuePage(rows, str(rows[-1]) if rows and start + limit < order.size else None, total)
        found: list[int] = []
        while len(found) <= limit and start < order.size:
            part = order[start : start + _SCANNED_AT_ONCE]
            found += part[self._board.state[part] == OPEN].tolist()
            start += part.size
        return QueuePage(found[:limit], str(found[limit - 1]) if len(found) > limit else None, total)

    def count(self, queue: QueueName, class_id: int | None = None, *, only_open: bool = True) -> int:
        """Count the tiles of a queue."""
        order = self.order(queue, class_id)
        return int(np.count_nonzero(self._board.state[order] == OPEN)) if only_open else int(order.size)

    def order(self, queue: QueueName, class_id: int | None) -> Int32Array:
        """Give the rows of a queue in order."""
        if queue in ("class", "suspicious"):
            return self._made_once(queue, class_id)
        if queue == "audit":
            return self._audit.rows(class_id).astype(np.int32)
        rows = self._plan.rows() if queue == "plan" else np.array(self._board.disputed(), dtype=np.int32)
        return rows if class_id is None else rows[self._samples.given[rows] == class_id]

    def draw(self, queue: str, row: int) -> Draw | None:
        """Give how a sample of a queue was drawn, where that is known."""
        if queue == "plan":
            return self._plan.draw(row)
        chance = self._audit.chance(row) if queue == "audit" else None
        return None if chance is None else Draw(AUDIT, chance)

    def _made_once(self, queue: str, class_id: int | None) -> Int32Array:
        make: dict[str, Callable[[int | None], Int32Array]] = {"class": self._of_class, "suspicious": self._suspicious}
        with self._lock:
            if (queue, class_id) not in self._kept:
                self._kept[queue, class_id] = make[queue](class_id)
            return self._kept[queue, class_id]

    def _of_class(self, class_id: int | None) -> Int32Array:
        if class_id is None:
            raise InvalidInputError("`class_id` must be given for the queue of one class")
        rows = self._samples.rows_of_class(class_id)
        leaders: Int32Array = rows[self._samples.leader[rows] == rows]
        return leaders

    def _suspicious(self, class_id: int | None) -> Int32Array:
        """Give the flagged samples (all, where none is flagged), the most suspicious first."""
        if self._scores is None:
            return np.empty(0, dtype=np.int32)
        rows = np.arange(len(self._samples), dtype=np.int32) if class_id is None else self._of_class(class_id)
        rows = rows[(self._samples.leader[rows] == rows) & ~np.isnan(self._scores.rank[rows])]
        if self._scores.is_flagged.any():
            rows = rows[self._scores.is_flagged[rows]]
        worst_first: Int32Array = rows[np.argsort(self._scores.rank[rows], kind="stable")]
        return worst_first


class _PlanQueue:
    """The samples of `noisette plan`, read again whenever the file changes."""

    def __init__(self, workspace: Workspace, samples: ReviewSamples) -> None:
        self._workspace, self._samples = workspace, samples
        self._stamp: tuple[int, int] | None = None
        self._rows, self._draws = np.empty(0, dtype=np.int32), dict[int, Draw]()
        self._lock = threading.Lock()

    def rows(self) -> Int32Array:
        self._read()
        return self._rows

    def draw(self, row: int) -> Draw | None:
        self._read()
        return self._draws.get(row)

    def _read(self) -> None:
        with self._lock:
            try:
                about = self._workspace.plan.stat()
            except OSError:
                return  # what was read of an earlier one stays: a page may still show it
            stamp = (about.st_mtime_ns, about.st_size)
            if stamp != self._stamp:
                self._stamp = stamp
                self._rows, self._draws = _read_plan(self._workspace, self._samples)


def _read_plan(workspace: Workspace, samples: ReviewSamples) -> tuple[Int32Array, dict[int, Draw]]:
    """Read what can be read; somebody else's file of that name plans nothing."""
    try:
        table = read_label_file(workspace.plan, BadRows(on_error="skip", max_bad=1.0), workspace.class_names())
    except NoisetteError:
        return np.empty(0, dtype=np.int32), {}
    rows, draws = [], {}
    for place, key in enumerate(table.keys or ()):
        row = samples.row_of((table.splits[place] if table.splits else "train", key))
        if row is None:
            continue
        rows.append(row)
        chance = np.nan if table.inclusion_probabilities is None else float(table.inclusion_probabilities[place])
        if not np.isnan(chance):
            draws[row] = Draw(table.queues[place] if table.queues and table.queues[place] else CHOSEN, chance)
    return np.array(rows, dtype=np.int32), draws


def _after(order: Int32Array, cursor: str) -> int:
    """Give the place after the sample that the cursor names; it is searched by value, so that orders may change."""
    if cursor == "":
        return 0
    number = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 10 else -1
    places = np.flatnonzero(order == number)
    if places.size == 0:
        raise InvalidInputError(f"`cursor` must be one that this queue gave, got {cursor[:40]!r}; begin again without")
    return int(places[0]) + 1
