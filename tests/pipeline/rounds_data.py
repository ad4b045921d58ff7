"""A workspace of small pictures, ready for the joint loop, and one in which it has run; copied for each test."""

from __future__ import annotations

import json
import shutil
from itertools import groupby
from pathlib import Path

import pytest

from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.rounds import run_rounds
from noisette.pipeline.workspace import Workspace, open_workspace
from tests.pipeline.image_data import SETTINGS, write_image_folder

QUICK = SETTINGS.with_options(
    detect={"verifier": "average"},
    train={"backbone": "small-resnet:4", "image_size": 16, "epochs": 1, "batch_size": 16},
    rounds={"epochs": 1, "verified_epochs": 1},
    images={"root": "../pictures"},
    report={"num_suspicious": 3},
)


@pytest.fixture(scope="session")
def start_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.getbasetemp() / "rounds"
    if root.exists():  # a fixture that several files import is made once a file
        return root
    lines = []
    for split, per_class, seed in (("train", 16, 0), ("validation", 6, 1), ("test", 6, 2)):
        found = write_image_folder(root / "pictures" / split, per_class, seed=seed)
        lines += [f"{split},{key},{int(key not in found.wrong)}" for key in found.keys[::2] if split != "test"]
    verified = root / "verified.csv"
    verified.write_text("\n".join(["split,key,verification_label", *lines]), encoding="utf-8")
    create_from_images(root / "w", ImageSource(images=root / "pictures"), QUICK, verified=verified)
    return root


@pytest.fixture(scope="session")
def done_root(start_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.getbasetemp() / "rounds-done"
    if root.exists():
        return root
    shutil.copytree(start_root, root)
    calls: list[str] = []
    run_rounds(open_workspace(root / "w"), 2, lambda what, *_: calls.append(what), verified_last=True, num_workers=0)
    (root / "steps.json").write_text(json.dumps([what for what, _ in groupby(calls)]), encoding="utf-8")
    return root


@pytest.fixture
def start(start_root: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(start_root, tmp_path / "start")
    return open_workspace(tmp_path / "start" / "w")


@pytest.fixture
def done(done_root: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(done_root, tmp_path / "done")
    return open_workspace(tmp_path / "done" / "w")
