"""`noisette review` without the page: what it shows of a workspace, and decisions into the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from noisette.errors import InvalidInputError
from noisette.pipeline.review_audit import AuditDraws
from noisette.pipeline.review_board import STATES, ReviewBoard
from noisette.pipeline.review_exemplars import Action, Exemplars
from noisette.pipeline.review_queues import QueueName, ReviewQueues
from noisette.pipeline.review_samples import ReviewSamples
from noisette.pipeline.review_scores import ReviewScores, load_review_scores
from noisette.pipeline.review_undo import own_decisions
from noisette.pipeline.review_writer import DecisionWriter
from noisette.pipeline.workspace import Workspace
from noisette.types import CORRECT, MISLABELLED, NONE_OF_THE_CLASSES, NOT_KNOWN, UNVERIFIED, Review

Verdict = Literal["correct", "wrong", "none", "unsure"]
QUEUE_LABELS: dict[QueueName, str] = {
    "plan": "Suggested next",
    "suspicious": "Most suspicious",
    "audit": "Random audit",
    "disagreement": "Disagreements",
}
MAX_CHANGES = 500
MAX_AGE = 0.25
"""Seconds after which a page asks the store what others have decided; own decisions show at once."""


@dataclass(frozen=True)
class Decision:
    """What a reviewer says of some samples.

    Attributes:
        client_id: token of the sender; sent again, it is the same decision.
        rows: the samples.
        verdict: correct, wrong, none (of the classes), unsure.
        correct_label: class id of the right class, where the verdict is wrong and it is known.
        seconds: how long it took.
        queue: the queue in which it was shown.
        is_bulk: taken for many samples at once.
    """

    client_id: str
    rows: tuple[int, ...]
    verdict: Verdict
    queue: QueueName
    correct_label: int | None = None
    seconds: float | None = None
    is_bulk: bool = False


class ReviewSession:
    """A workspace under review; safe to use from many threads.

    Args:
        workspace: the workspace.
        reviewer: who decides where a request does not say.

    Raises:
        DataFileError: the workspace cannot be read.
        WorkspaceError: its store is gone, or cannot be opened.
    """

    def __init__(self, workspace: Workspace, reviewer: str) -> None:
        self.workspace, self.reviewer = workspace, reviewer
        self.samples = ReviewSamples(workspace)
        self.class_names = self.samples.class_names
        self.descriptions = _descriptions(workspace)
        self._store = workspace.reviews()
        self._board = ReviewBoard(self.samples, self._store)
        self._audit = AuditDraws(workspace, self.samples, self._board)
        self._exemplars = Exemplars(workspace, self.samples, self._board)
        self._writer = DecisionWriter(self._store, self._board.take)
        self.load_scores()

    def load_scores(self) -> None:
        """Read the scores, at the start and after each refit."""
        scores = load_review_scores(self.workspace, self.samples)
        queues = ReviewQueues(self.workspace, self.samples, scores, self._board, self._audit)
        queues.order("suspicious", None)  # sorts all samples: now, and not while somebody decides
        self._scored: tuple[ReviewScores | None, ReviewQueues] = scores, queues  # at once: requests see both or none

    @property
    def scores(self) -> ReviewScores | None:
        """What the model says; None before the first `detect`."""
        return self._scored[0]

    @property
    def _queues(self) -> ReviewQueues:
        return self._scored[1]

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def check_sample(self, row: int) -> int:
        """Give the row of a sample id.

        Raises:
            LookupError: there is no such sample.
        """
        if not 0 <= row < len(self.samples):
            raise LookupError(f"there is no sample {row}")
        return row

    def check_class(self, class_id: int) -> int:
        """Give a class id.

        Raises:
            LookupError: there is no such class.
        """
        if not 0 <= class_id < len(self.class_names):
            raise LookupError(f"there is no class {class_id}")
        return class_id

    def overview(self, reviewer: str) -> dict[str, Any]:
        """Give all classes with what is decided, and the queues."""
        self._board.refresh(MAX_AGE)
        names = self.class_names
        classes = [
            {"name": names[i], "description": self.descriptions.get(names[i], "")} | self._board.of_class(i)
            for i in range(len(names))
        ]
        return {
            "title": self.workspace.settings.project.title,
            "reviewer": reviewer,
            "can_suggest": self.scores is not None and self.scores.has_suggestions,
            "total": self._board.total(),
            "classes": classes,
            "queues": [
                {"name": name, "label": label, "count": self._queues.count(name, only_open=name != "disagreement")}
                for name, label in QUEUE_LABELS.items()
            ],
        }

    def grid(
        self, queue: QueueName, class_id: int | None, cursor: str, limit: int, *, only_open: bool = False
    ) -> dict[str, Any]:
        """Give one page of tiles.

        Raises:
            InvalidInputError: see `ReviewQueues.page`.
        """
        self._board.refresh(MAX_AGE)
        # Where reviewers disagree there is always a decision.
        page = self._queues.page(queue, class_id, cursor, limit, only_open=only_open and queue != "disagreement")
        items = [self.item(row) for row in page.rows]
        return {"items": items, "next_cursor": page.next_cursor, "total": page.total}

    def item(self, row: int) -> dict[str, Any]:
        """Give one tile."""
        board, number = self._board, int(self._board.decision_id[row])
        correct = int(board.correct_label[row])
        return {
            "id": row,
            "key": self.samples.name(row)[1],
            "given_label": int(self.samples.given[row]),
            "state": STATES[board.state[row]],
            "correct_label": correct if correct >= 0 else None,
            "decision_id": number if number >= 0 else None,
            "copies": int(self.samples.copies[row]),
        }

    def exemplars(self, class_id: int) -> list[dict[str, Any]]:
        """Give the exemplars of a class."""
        return self._exemplars.of_class(class_id, self.scores)

    def choose_exemplar(self, class_id: int, row: int, action: Action) -> None:
        """See `Exemplars.choose`."""
        self._exemplars.choose(class_id, row, action)

    def suggestion(self, row: int) -> dict[str, Any]:
        """Give what the model says of a sample."""
        if self.scores is None:
            return {"suggested_label": None, "probability": None, "label_quality": None, "evidence": ""}
        return self.scores.suggestion(row, self.class_names)

    def decide(self, decision: Decision, reviewer: str) -> list[int]:
        """Store a decision on samples and their copies, in one transaction; it is on disk when this returns.

        Returns:
            The number of the decision on each of `decision.rows`.

        Raises:
            InvalidInputError: the right class is the given one, or is named for another verdict than wrong.
        """
        self._check(decision)
        now, reviews = datetime.now(UTC), []
        for row in decision.rows:
            reviews.append(self._review(decision, row, reviewer, now))
        copies = [copy for row in decision.rows for copy in self.samples.copies_of(row)]
        extra = [row for row in dict.fromkeys(copies) if row not in decision.rows]
        reviews += [self._review(decision, row, reviewer, now, is_copy=True) for row in extra]
        numbers = self._writer.add(reviews)
        return numbers[: len(decision.rows)]

    def undo(self, decision_ids: Sequence[int], reviewer: str) -> tuple[list[int], list[dict[str, Any]]]:
        """Take decisions of a reviewer back, on copies of their samples as well, in one transaction: all or none.

        Returns:
            The number of the undoing of each decision, and the tile of each sample as it is now.

        Raises:
            LookupError: there is no such decision on a sample of this workspace.
            NotOwnDecisionError: somebody else took one of them.
            InvalidInputError: a number is that of an undoing.
        """
        rows, also = own_decisions(self._store, self.samples, decision_ids, reviewer)
        with self._writer.writing:
            numbers = self._store.undo_many([*decision_ids, *also], reviewer=reviewer, time=datetime.now(UTC))
        self._board.refresh()
        return numbers[: len(rows)], [self.item(row) for row in rows]

    def changes(self, since: int, class_id: int | None) -> dict[str, Any]:
        """Give the tiles that anybody changed after a row of the store; since < 0: none, but where to begin."""
        self._board.refresh(MAX_AGE)
        found = self._store.since(since, MAX_CHANGES) if since >= 0 else []
        names = dict.fromkeys((one.review.split, one.review.key) for one in found)
        rows = [row for row in map(self.samples.row_of, names) if row is not None]
        last = found[-1].id if found else max(since, self._board.last) if since < 0 else since
        return {"last": last, "items": [self.item(row) for row in rows], "progress": self.progress(class_id)}

    def progress(self, class_id: int | None) -> dict[str, Any]:
        """Give what is decided in all, and in one class."""
        of_class = None if class_id is None else self._board.of_class(class_id)
        return {"total": self._board.total(), "class": of_class}

    def _check(self, decision: Decision) -> None:
        label = decision.correct_label
        if label is None:
            return
        if decision.verdict != "wrong":
            raise InvalidInputError(f"`correct_label` must be null where the verdict is {decision.verdict!r}")
        if not 0 <= label < len(self.class_names):
            raise InvalidInputError(f"`correct_label` must be a class id below {len(self.class_names)}, got {label}")
        if any(self.samples.given[row] == label for row in decision.rows):
            raise InvalidInputError("`correct_label` must differ from the given label where the verdict is 'wrong'")

    def _review(self, decision: Decision, row: int, reviewer: str, now: datetime, *, is_copy: bool = False) -> Review:
        split, key = self.samples.name(row)
        quality, suggestion = (None, None) if self.scores is None else self.scores.said(row)
        # A copy was not drawn: it came along with one that was.
        draw = None if is_copy else self._queues.draw(decision.queue, row)
        verdict = {"correct": CORRECT, "unsure": UNVERIFIED}.get(decision.verdict, MISLABELLED)
        named = NONE_OF_THE_CLASSES if decision.verdict == "none" else decision.correct_label
        return Review(
            key=key,
            split=split,
            given_label=int(self.samples.given[row]),
            verification_label=verdict,
            correct_label=NOT_KNOWN if named is None else named,
            reviewer=reviewer,
            time=now,
            queue=decision.queue if draw is None else draw.queue,
            inclusion_probability=None if draw is None else draw.inclusion_probability,
            seconds=None if is_copy else decision.seconds,
            is_bulk=decision.is_bulk or is_copy,
            model_quality=quality,
            model_suggestion=suggestion,
            client_id=decision.client_id,
        )


def _descriptions(workspace: Workspace) -> dict[str, str]:
    """Read what people wrote of the classes: ``descriptions.tsv``, a name and a text a line; it need not be there."""
    path = workspace.root / "descriptions.tsv"
    if not path.is_file():
        return {}
    lines: Sequence[str] = path.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.partition("\t") for line in lines)
    return {name: text.strip() for name, _, text in pairs}
