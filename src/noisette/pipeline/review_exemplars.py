"""Pictures that show what a class looks like: verified ones first, then likely ones; people pin and reject them."""

from __future__ import annotations

import json
import threading
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from noisette.errors import DataFileError, InvalidInputError, NoisetteError
from noisette.files import atomic_open
from noisette.pipeline.review_board import IS_CORRECT, OPEN, ReviewBoard
from noisette.pipeline.review_samples import Int32Array, ReviewSamples
from noisette.pipeline.review_scores import ReviewScores
from noisette.pipeline.workspace import Workspace
from noisette.store import ParquetTable
from noisette.types import Float32Array
from noisette.verifier.baselines.class_means import unit_rows

SHOWN = 12
MAX_CHOICES = 200
"""Pins, and rejections, that one class may have."""
_CANDIDATES = 256  # of the highest quality; among these the nearest to the references are shown
Action = Literal["pin", "reject", "clear"]


class Exemplars:
    """Exemplars of classes.

    Args:
        workspace: the workspace; choices of people are kept in its ``review/exemplars.json``.
        samples: its samples.
        board: its decisions.

    Raises:
        DataFileError: the file of choices is damaged.
    """

    def __init__(self, workspace: Workspace, samples: ReviewSamples, board: ReviewBoard) -> None:
        self._workspace, self._samples, self._board = workspace, samples, board
        self._path = workspace.root / "review" / "exemplars.json"
        self._lock = threading.Lock()
        self._near: dict[int, list[int]] = {}
        self._scores: ReviewScores | None = None
        self._features: tuple[ParquetTable, Int32Array] | None = None
        self._chosen = self._read()

    def of_class(self, class_id: int, scores: ReviewScores | None) -> list[dict[str, Any]]:
        """Give up to twelve: pinned, then verified as correct, then unverified ones near the references."""
        chosen = self._chosen.get(class_id, {})
        rows = self._samples.rows_of_class(class_id)
        correct = rows[self._board.state[rows] == IS_CORRECT]
        if scores is not None:
            correct = correct[np.argsort(-np.nan_to_num(scores.quality[correct]), kind="stable")]
        pinned = [row for row, action in chosen.items() if action == "pin"]
        unverified = self._unverified(class_id, scores)
        usable = [*pinned, *correct[: SHOWN + len(chosen)].tolist(), *unverified]
        kept = [row for row in dict.fromkeys(usable) if self._may_show(row, chosen)]
        state = self._board.state
        return [
            {"id": row, "verified": bool(state[row] == IS_CORRECT), "pinned": chosen.get(row) == "pin"}
            for row in kept[:SHOWN]
        ]

    def choose(self, class_id: int, row: int, action: Action) -> None:
        """Pin or reject a sample as an exemplar of its class, or take that back.

        Raises:
            InvalidInputError: the sample is of another class, or the class has too many choices already.
        """
        if self._samples.given[row] != class_id:
            raise InvalidInputError(f"`sample_id` must be a sample of class {class_id}, got {row}")
        with self._lock:
            chosen = dict(self._chosen.get(class_id, {}))
            chosen.pop(row, None)
            if action != "clear":
                if len(chosen) >= MAX_CHOICES:
                    raise InvalidInputError(
                        f"a class has at most {MAX_CHOICES} pinned and rejected exemplars; clear some"
                    )
                chosen[row] = action
            self._write(self._chosen | {class_id: chosen})
            self._chosen[class_id] = chosen

    def _may_show(self, row: int, chosen: dict[int, str]) -> bool:
        return chosen.get(row) != "reject" and self._board.state[row] in (OPEN, IS_CORRECT)

    def _unverified(self, class_id: int, scores: ReviewScores | None) -> list[int]:
        if scores is None:
            return []
        with self._lock:
            if scores is not self._scores:
                self._scores, self._features = scores, None
                self._near.clear()
            if class_id not in self._near:
                self._near[class_id] = self._nearest(class_id, scores)
            return self._near[class_id]

    def _nearest(self, class_id: int, scores: ReviewScores) -> list[int]:
        """Give the samples of high quality, the nearest to a reference of their class first."""
        rows = self._samples.rows_of_class(class_id)
        rows = rows[(self._samples.leader[rows] == rows) & ~np.isnan(scores.rank[rows]) & ~scores.is_flagged[rows]]
        best = rows[np.argsort(-scores.rank[rows], kind="stable")[:_CANDIDATES]]
        try:
            table, places = self._table()
            found = best[places[best] >= 0]
            features = unit_rows(table.take(places[found].astype(np.int64)))
            references = self._references(class_id)
            near = features @ (unit_rows(features.mean(axis=0, keepdims=True)) if references is None else references).T
        except (NoisetteError, OSError, ValueError):  # no features any more, or other ones: quality alone must do
            return [int(row) for row in best]
        return [int(row) for row in found[np.argsort(-near.max(axis=1), kind="stable")]] if found.size else []

    def _references(self, class_id: int) -> Float32Array | None:
        try:
            values = load_file(self._workspace.references)["references"][class_id]
        except (OSError, SafetensorError, KeyError, IndexError):
            return None
        values = values[~np.isnan(values).any(axis=1)]
        return unit_rows(values) if values.size else None

    def _table(self) -> tuple[ParquetTable, Int32Array]:
        if self._features is None:
            table = ParquetTable(self._workspace.features)
            rows = self._samples.rows_for(table.read_splits(), table.read_keys())
            places = np.full(len(self._samples), -1, dtype=np.int32)
            places[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
            self._features = table, places
        return self._features

    def _read(self) -> dict[int, dict[int, str]]:
        if not self._path.exists():
            return {}
        found: dict[int, dict[int, str]] = {}
        try:
            for name, choices in json.loads(self._path.read_text(encoding="utf-8")).items():
                for split, key, action in choices:
                    row = self._samples.row_of((split, key))
                    if row is not None and self._samples.given[row] == int(name):
                        found.setdefault(int(name), {})[row] = action
        except (ValueError, TypeError, AttributeError) as error:
            raise DataFileError(self._path, f"is damaged ({error}); delete it, and pin exemplars anew") from error
        return found

    def _write(self, chosen: dict[int, dict[int, str]]) -> None:
        values = {
            str(class_id): [[*self._samples.name(row), action] for row, action in choices.items()]
            for class_id, choices in sorted(chosen.items())
            if choices
        }
        with atomic_open(self._path) as file:
            json.dump(values, file, ensure_ascii=False)
