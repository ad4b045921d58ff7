"""A small workspace with pictures, scores, copies and a plan, made without any step, and a client of its page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from noisette.pipeline.review import ReviewSession
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import Workspace, create_workspace, finish_workspace, open_workspace
from noisette.store import NeighborRows, StoredReview, write_neighbors, write_samples, write_table
from noisette.types import SampleTable
from noisette.web.app import make_app
from noisette.web.guard import GuardSettings

BASE = "http://127.0.0.1:8765"
WRITES = {"X-Noisette": "1", "Origin": BASE, "Sec-Fetch-Site": "same-origin"}
CLASS_NAMES = ("apple", "<script>alert(1)</script>", "pear & 'plum'", "empty")
PER_CLASS = 20
COPIES = (3, 4, 5)
"""Three samples of class 0 that show one picture; a fourth, 25, carries another label."""
QUALITY = np.linspace(0.02, 0.98, 3 * PER_CLASS)
"""Sample 0 is the most suspicious one; the first 30 are flagged."""


def make_workspace(root: Path) -> Workspace:
    """Write 60 samples of three classes of four."""
    settings = Settings().with_options(project={"title": "Fruit <b>"}, images={"root": "pictures"})
    workspace = create_workspace(root, settings, CLASS_NAMES)
    size = 3 * PER_CLASS
    given = np.arange(size) // PER_CLASS
    keys = [f"{number:02d}.png" for number in range(size)]
    (root / "pictures").mkdir()
    for number, key in enumerate(keys):
        Image.new("RGB", (320, 240), (4 * number, 90, 200)).save(root / "pictures" / key)
    splits = ["train"] * (size - 5) + ["test"] * 5
    write_samples(workspace.samples, SampleTable(splits, keys, list(keys), given))
    write_scores_of(workspace, splits, keys, given, QUALITY < QUALITY[30])
    group = np.full(size, -1, dtype=np.int32)
    group[[*COPIES, 25]] = 0
    write_table(workspace.duplicates, {"split": splits, "key": keys, "duplicate_group": group})
    nobody = NeighborRows(np.full((size, 1), -1), np.full((size, 1), -np.inf))
    write_neighbors(workspace.neighbors, splits, keys, [nobody], 1)
    rows = "50.png,train,audit,0.2\n7.png,train,plan,0.1\n08.png,train,plan,0.5\n41.png,train,plan,0.25\n"
    header = "key,split,queue,inclusion_probability,verification_label,correct_label\n"
    workspace.plan.write_text(header + "".join(f"{row},,\n" for row in rows.splitlines()), encoding="utf-8")
    (root / "descriptions.tsv").write_text("apple\tround & <i>red</i>\n", encoding="utf-8")
    finish_workspace(workspace)
    (root / "reviews.sqlite").touch()
    return open_workspace(root)


def write_scores_of(
    workspace: Workspace, splits: list[str], keys: list[str], given: np.ndarray, flagged: np.ndarray
) -> None:
    """Write scores in which low numbers are suspicious."""
    columns: dict[str, Any] = {
        "split": splits,
        "key": keys,
        "given_label": given.astype(np.int32),
        "score": QUALITY,
        "label_quality": QUALITY,
        "is_label_issue": flagged,
        "suggested_label": np.where(flagged, (given + 1) % 3, given).astype(np.int32),
        "suggested_probability": np.maximum(QUALITY, 1 - QUALITY),
        "none_probability": np.zeros(given.size),
        "sample_weight": QUALITY,
        "suggested_votes": np.full(given.size, 8, dtype=np.int8),
        "num_votes": np.full(given.size, 10, dtype=np.int8),
        "verifier_quality": QUALITY,
    }
    write_table(workspace.scores("evidence"), columns, {"verifier": "evidence"})
    measured = [{"name": "evidence", "average_error": 0.25}]
    workspace.detection.write_text(json.dumps({"chosen": "evidence", "measured": measured}), encoding="utf-8")


@dataclass
class Page:
    """The page of a workspace as a browser's script sees it."""

    workspace: Workspace
    session: ReviewSession
    client: TestClient
    sent: int = 0

    def get(self, path: str, **parameters: Any) -> Any:
        """Give the JSON of an address that must answer."""
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any], *, status: int = 200, reviewer: str = "ann") -> Any:
        """Give the JSON of a write that must end with this status."""
        headers = WRITES | {"X-Noisette-Reviewer": reviewer}
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def decide(self, row: int, verdict: str = "correct", *, reviewer: str = "ann", **more: Any) -> Any:
        """Decide on one sample, with a token of its own."""
        self.sent += 1
        body = {"client_id": f"test-{self.sent}", "sample_id": row, "verdict": verdict} | more
        return self.post("/api/decisions", body, reviewer=reviewer)

    def stored(self) -> list[StoredReview]:
        """Give all rows of the store, read by another connection."""
        with self.workspace.reviews() as store:
            return store.since(0, 10_000)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    workspace = make_workspace(tmp_path / "fruit")
    session = ReviewSession(workspace, "host")
    with TestClient(make_app(session), base_url=BASE) as client:
        yield Page(workspace, session, client)


def client_of(workspace: Workspace, guard: GuardSettings, base: str = BASE) -> TestClient:
    """Give a client of a new server with other settings; use it as a context."""
    return TestClient(make_app(ReviewSession(workspace, "host"), guard), base_url=base, follow_redirects=False)
