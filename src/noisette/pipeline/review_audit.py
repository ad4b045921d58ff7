"""Random draws of samples to audit: kept in a file, so that a sample's chance is what it was when it was drawn."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from noisette.errors import DataFileError
from noisette.files import atomic_open
from noisette.pipeline.labelled import EVALUATION_SPLITS
from noisette.pipeline.review_board import ReviewBoard
from noisette.pipeline.review_samples import ReviewSamples
from noisette.pipeline.workspace import Workspace
from noisette.types import IntArray

DRAW_OF_ALL, DRAW_OF_CLASS = 200, 50
"""Samples in one draw from all classes, and from one class."""

_ALL = "all"


@dataclass
class _Draw:
    """The draw in use of one scope: which rows (ascending numbers of the draw's order), and with what chance."""

    rows: IntArray
    chance: float
    number: int = 0
    members: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.members = set(self.rows.tolist())


class AuditDraws:
    """Uniform draws without replacement from what nobody had decided on, of all classes or of one.

    When every sample of a draw is decided, the next one is made. Evaluation splits take no part.

    Args:
        workspace: the workspace; draws are kept in its ``review/audit.json``.
        samples: its samples.
        board: its decisions.
    """

    def __init__(self, workspace: Workspace, samples: ReviewSamples, board: ReviewBoard) -> None:
        self._path = workspace.root / "review" / "audit.json"
        self._seed = workspace.settings.project.random_state
        self._samples, self._board = samples, board
        self._eligible = ~samples.is_split(EVALUATION_SPLITS)
        self._lock = threading.Lock()
        self._draws = {scope: self._from_json(values) for scope, values in _read(self._path).items()}

    def rows(self, class_id: int | None = None) -> IntArray:
        """Give the rows of the draw in use, in random order; makes one where there is none, or all of it is decided."""
        scope = _ALL if class_id is None else str(class_id)
        with self._lock:
            draw = self._draws.get(scope)
            if draw is None or not (self._board.state[draw.rows] == 0).any():
                draw = self._next(scope, class_id, draw)
            return draw.rows

    def chance(self, row: int) -> float | None:
        """Give with what chance a sample was drawn, None if it was not; its class' own draw counts first."""
        for scope in (str(self._samples.given[row]), _ALL):
            draw = self._draws.get(scope)
            if draw is not None and row in draw.members:
                return draw.chance
        return None

    def _next(self, scope: str, class_id: int | None, last: _Draw | None) -> _Draw:
        rows = np.arange(len(self._samples)) if class_id is None else self._samples.rows_of_class(class_id)
        left = rows[self._eligible[rows] & (self._board.state[rows] == 0)]
        if left.size == 0:
            return last if last is not None else _Draw(np.empty(0, dtype=np.int64), 1.0)
        number = 0 if last is None else last.number + 1
        rng = np.random.default_rng([self._seed, number, 0 if class_id is None else class_id + 1])
        size = min(left.size, DRAW_OF_ALL if class_id is None else DRAW_OF_CLASS)
        draw = _Draw(rng.choice(left, size, replace=False).astype(np.int64), size / left.size, number)
        self._draws[scope] = draw
        values = {name: self._to_json(one) for name, one in sorted(self._draws.items())}
        with atomic_open(self._path) as file:
            json.dump(values, file, ensure_ascii=False)
        return draw

    def _to_json(self, draw: _Draw) -> dict[str, Any]:
        names = [self._samples.name(row) for row in draw.rows.tolist()]
        return {"number": draw.number, "chance": draw.chance, "samples": names}

    def _from_json(self, values: dict[str, Any]) -> _Draw:
        rows = [self._samples.row_of((split, key)) for split, key in values["samples"]]
        kept = np.array([row for row in rows if row is not None], dtype=np.int64)
        return _Draw(kept, float(values["chance"]), int(values["number"]))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for values in found.values():
            if not (0 < values["chance"] <= 1 and isinstance(values["number"], int)):
                raise ValueError("a chance or a number is impossible")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataFileError(path, f"is damaged ({error}); delete it: the next audit is drawn anew") from error
    else:
        kept: dict[str, dict[str, Any]] = found
        return kept
