"""A workspace of small pictures in three splits, scored, ready to be trained on; made once, copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.detect import detect
from noisette.pipeline.embed import embed
from noisette.pipeline.workspace import Workspace, open_workspace, with_settings
from tests.pipeline.image_data import SETTINGS, Pictures, write_image_folder, write_verified

QUICK = SETTINGS.with_options(
    detect={"verifier": "average"},
    train={"backbone": "small-resnet:2", "image_size": 8, "epochs": 2, "batch_size": 16},
)


@pytest.fixture(scope="session")
def scored_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("train")
    parts = {"train": (20, 0), "validation": (6, 1), "test": (6, 2)}
    keys: list[str] = []
    wrong: set[str] = set()
    for split, (per_class, seed) in parts.items():
        found = write_image_folder(root / "pictures" / split, per_class, seed=seed)
        keys, wrong = (found.keys, found.wrong) if split == "train" else (keys, wrong)
    verified = write_verified(root / "verified.csv", Pictures(root, keys, wrong))
    create_from_images(root / "w", ImageSource(images=root / "pictures"), QUICK, verified=verified)
    opened = open_workspace(root / "w")
    embed(opened, num_workers=0)
    detect(opened)
    return root


@pytest.fixture
def scored(scored_root: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(scored_root, tmp_path / "root")
    return with_settings(open_workspace(tmp_path / "root" / "w"), images={"root": "../pictures"})
