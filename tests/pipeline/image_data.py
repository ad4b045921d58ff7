"""Folders of small pictures with given labels, for tests of the steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.settings import Settings
from noisette.pipeline.status import workspace_status
from noisette.pipeline.workspace import Workspace, open_workspace

COLOURS = {"apple": (200, 40, 30), "leaf": (40, 180, 60), "sky": (60, 90, 210)}


@dataclass(frozen=True)
class Pictures:
    """A folder with a folder a class, and the keys of pictures that lie in the wrong one."""

    root: Path
    keys: list[str]
    wrong: set[str]


def write_image_folder(root: Path, per_class: int = 30, *, side: int = 16, seed: int = 0) -> Pictures:
    """Write noisy patches of three colours, a fifth of them in the folder of another colour."""
    rng = np.random.default_rng(seed)
    names = list(COLOURS)
    keys, wrong = [], set()
    for label, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            key = f"{name}/{number:04d}.{'png' if number % 2 else 'jpg'}"
            is_wrong = rng.random() < 0.2
            colour = COLOURS[names[(label + 1) % 3] if is_wrong else name]
            # A ramp, since `pixels` looks past brightness.
            ramp = np.linspace(0.4, 1, side)[:, None, None] * np.array(colour)
            values = np.clip(ramp + rng.normal(0, 25, (side, side, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(values).save(root / key, quality=95)
            keys.append(key)
            if is_wrong:
                wrong.add(key)
    return Pictures(root, keys, wrong)


def write_verified(path: Path, pictures: Pictures, every: int = 2) -> Path:
    """Write verification labels of some pictures."""
    checked = [key for number, key in enumerate(pictures.keys) if number % every == 0]
    rows = "".join(f"{key},{int(key not in pictures.wrong)}\n" for key in checked)
    path.write_text("key,verification_label\n" + rows, encoding="utf-8")
    return path


SETTINGS = Settings().with_options(
    embed={"backbone": "pixels:4", "batch_size": 8},
    detect={"verifier": "auto", "candidates": ("average", "filtering")},
    references={"num_references": 4},
    input={"max_bad": 0.5},
)


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return write_image_folder(tmp_path / "pictures")


@pytest.fixture
def images(tmp_path: Path, pictures: Pictures) -> Workspace:
    verified = write_verified(tmp_path / "verified.csv", pictures)
    create_from_images(tmp_path / "w", ImageSource(images=pictures.root), SETTINGS, verified=verified)
    return open_workspace(tmp_path / "w")


def contents(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def states(opened: Workspace) -> dict[str, str]:
    """Give the state of every artifact."""
    return {artifact.path: artifact.state for artifact in workspace_status(opened).artifacts}
