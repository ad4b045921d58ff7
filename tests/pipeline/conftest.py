"""A small, noisily labelled data set as files, and a workspace made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from noisette.pipeline.creation.from_files import create_from_files
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import Workspace, open_workspace
from noisette.types import Float32Array, IntArray

CLASS_NAMES = ("apple pie", "bun", "crème", "dill", "egg", "fig")
ROWS, WIDTH = 240, 8


@dataclass(frozen=True, eq=False)
class Files:
    """The files, and what is in them."""

    features: Path
    labels: Path
    classes: Path
    verified: Path
    values: Float32Array
    given: IntArray
    truth: IntArray


@pytest.fixture
def files(tmp_path: Path) -> Files:
    rng = np.random.default_rng(0)
    truth = np.arange(ROWS) % len(CLASS_NAMES)
    centres = rng.normal(size=(len(CLASS_NAMES), WIDTH)) * 2
    values = (centres[truth] + rng.normal(size=(ROWS, WIDTH))).astype(np.float32)
    given = np.where(rng.random(ROWS) < 0.25, rng.integers(0, len(CLASS_NAMES), ROWS), truth)
    folder = tmp_path / "files"
    folder.mkdir()
    np.save(folder / "features.npy", values)
    (folder / "classes.txt").write_text("\n".join(CLASS_NAMES), encoding="utf-8")
    rows = "".join(f"{i}\t{CLASS_NAMES[label]}\n" for i, label in enumerate(given))
    (folder / "labels.tsv").write_text("key\tgiven_label\n" + rows, encoding="utf-8")
    checked = [i for i in range(ROWS) if given[i] < 5 and i % 2]
    rows = "".join(f"{i},{int(given[i] == truth[i])}\n" for i in checked)
    (folder / "verified.csv").write_text("key,verification_label\n" + rows, encoding="utf-8")
    return Files(
        folder / "features.npy",
        folder / "labels.tsv",
        folder / "classes.txt",
        folder / "verified.csv",
        values,
        given,
        truth,
    )


@pytest.fixture
def workspace(tmp_path: Path, files: Files) -> Workspace:
    settings = Settings().with_options(
        project={"title": "Small"},
        detect={"verifier": "auto", "candidates": ("average", "filtering")},
        references={"num_references": 4},
    )
    root = tmp_path / "workspace"
    create_from_files(root, files.features, files.labels, files.classes, files.verified, settings)
    return open_workspace(root)


def forget_decisions(workspace: Workspace) -> None:
    """Make the workspace one in which nobody has checked anything."""
    for path in workspace.root.glob("reviews.sqlite*"):
        path.unlink()
    (workspace.root / "reviews.sqlite").touch()
