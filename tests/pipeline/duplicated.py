"""A workspace in which some pictures come twice: under another label, and in another split."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import Workspace, create_workspace, finish_workspace, open_workspace
from noisette.store import write_feature_table, write_samples
from noisette.types import Float32Array, IntArray, Review, SampleTable

NAMES = ("apple", "bun", "cress", "dill", "egg", "fig")
ROWS, WIDTH, TRAIN = 240, 24, 200


@dataclass(eq=False)
class Data:
    """240 samples with features of their own (the last 40 in "test"), to which copies are added."""

    values: Float32Array
    given: IntArray
    truth: IntArray
    keys: list[str]
    splits: list[str]
    decisions: dict[int, tuple[int, int]] = field(default_factory=dict)

    def copy(self, row: int, key: str, *, split: str = "train", label: int | None = None, noise: float = 0.0) -> int:
        """Add a copy of a row, under its right label unless another one is given; give its row number."""
        features = self.values[row] + np.float32(noise) * np.linspace(-1, 1, WIDTH, dtype=np.float32)
        self.values = np.concatenate([self.values, features[None]])
        self.given = np.append(self.given, self.truth[row] if label is None else label)
        self.truth = np.append(self.truth, self.truth[row])
        self.keys.append(key)
        self.splits.append(split)
        return len(self.keys) - 1

    def check(self, row: int, verdict: int | None = None, correct: int = -1) -> None:
        """Decide on a row, by the truth unless a verdict is given."""
        self.decisions[row] = (int(self.given[row] == self.truth[row]) if verdict is None else verdict, correct)

    def write(self, root: Path) -> Workspace:
        """Make a workspace of it."""
        settings = Settings().with_options(detect={"verifier": "filtering"}, references={"num_references": 4})
        made = create_workspace(root, settings, NAMES)
        write_samples(made.samples, SampleTable(self.splits, self.keys, [""] * len(self.keys), self.given))
        write_feature_table(made.features, [(self.splits, self.keys, self.values)])
        with made.reviews() as reviews:
            reviews.append([self._review(row) for row in sorted(self.decisions)])
        finish_workspace(made)
        return open_workspace(root)

    def decide(self, workspace: Workspace, row: int, verdict: int, correct: int = -1) -> None:
        """Append one more decision to the workspace."""
        self.decisions[row] = (verdict, correct)
        with workspace.reviews() as reviews:
            reviews.append([self._review(row)])

    def _review(self, row: int) -> Review:
        verdict, correct = self.decisions[row]
        time = datetime(2024, 1, 1, tzinfo=UTC)
        return Review(
            key=self.keys[row],
            split=self.splits[row],
            given_label=int(self.given[row]),
            verification_label=verdict,
            correct_label=correct,
            time=time,
            reviewer=f"r{len(self.decisions)}",
        )


def make_data() -> Data:
    """Give the 240 samples, a fifth of their labels wrong, every other training label checked."""
    rng = np.random.default_rng(0)
    truth = np.arange(ROWS) % len(NAMES)
    values = (rng.normal(size=(len(NAMES), WIDTH))[truth] * 2 + rng.normal(size=(ROWS, WIDTH))).astype(np.float32)
    given = np.where(rng.random(ROWS) < 0.2, rng.integers(0, len(NAMES), ROWS), truth)
    data = Data(values, given, truth, [f"k{i}" for i in range(ROWS)], ["train"] * TRAIN + ["test"] * (ROWS - TRAIN))
    for row in range(1, TRAIN, 2):
        data.check(row)
    return data
