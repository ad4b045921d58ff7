"""A workspace of small pictures in a folder of their own, with scores as a test wants them."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from noisette.data.images import raw_uri, tar_uri
from noisette.pipeline.creation.rows import RowCollector, bad_rows_policy, write_workspace
from noisette.pipeline.provenance import input_hashes, record
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import Workspace, create_workspace, open_workspace
from noisette.store import write_table
from noisette.types import Review

CLASS_NAMES = ("zebra", "apple/pie", "CON")
SOURCE = "made"
"""Name of the verifier that the scores are said to come from."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sample; its picture is a PNG of its own unless `uri` says otherwise."""

    key: str
    given: int
    split: str = "train"
    quality: float = 0.9
    issue: bool = False
    suggested: int = -1
    chance: float = 0.0
    weight: float = 0.5
    decided: int = -1
    correct: int = -1
    has_score: bool = True
    uri: str | None = None


ROWS = (
    Row(key="train/zebra/1.png", given=0),
    Row(key="train/zebra/2.png", given=0, quality=0.1, issue=True, suggested=1, chance=0.95),
    Row(key="train/zebra/3.png", given=0, quality=0.2, issue=True, suggested=1, chance=0.4),
    Row(key="train/zebra/4.png", given=0, quality=0.0, issue=True, suggested=0, chance=1.0, decided=1),
    Row(key="train/apple_pie/1.png", given=1, quality=1.0, decided=0, correct=2),
    Row(key="train/apple_pie/2.png", given=1),
    Row(key="train/con/1.PNG", given=2, quality=0.4),
    Row(key="train/con/lost.png", given=2, has_score=False),
    Row(key="test/zebra/1.png", given=0, split="test", quality=0.0, issue=True, suggested=1, chance=1.0, decided=0),
    Row(key="test/apple_pie/9.png", given=1, split="test"),
)


def picture_of(number: int) -> Image.Image:
    values = np.random.default_rng(number).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(values)


def make_pictures(root: Path, rows: Sequence[Row]) -> None:
    for number, row in enumerate(rows):
        if row.uri is None:
            path = root / row.key
            path.parent.mkdir(parents=True, exist_ok=True)
            picture_of(number).save(path, format="PNG")


def add_pieces(root: Path) -> tuple[Row, Row]:
    """Add a JPEG in a tar and raw pixels to the pictures; give their rows."""
    picture_of(100).save(root / "one.jpg", quality=95)
    with tarfile.open(root / "shard.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.add(root / "one.jpg", "one.jpg")
        member = archive.getmember("one.jpg")
    with tarfile.open(root / "shard.tar") as archive:
        member = archive.getmember("one.jpg")
    (root / "one.jpg").unlink()
    pixels = np.asarray(picture_of(101)).transpose(2, 0, 1)
    (root / "batch.bin").write_bytes(b"\x07" + pixels.tobytes())
    return (
        Row(key="shard.tar/one.jpg", given=0, uri=tar_uri(member.offset_data, member.size, "one.jpg", "shard.tar")),
        Row(key="batch.bin/0", given=1, uri=raw_uri(1, (3, 6, 5), "batch.bin")),
    )


def make_workspace(
    folder: Path, image_root: Path, rows: Sequence[Row] = ROWS, class_names: tuple[str, ...] = CLASS_NAMES
) -> Workspace:
    settings = Settings().with_options(images={"root": str(image_root)}, input={"max_bad": 1.0})
    made = create_workspace(folder, settings, class_names)
    collected, now = RowCollector(), datetime(2026, 1, 1, tzinfo=UTC)
    for row in rows:
        uri = row.key if row.uri is None else row.uri
        collected.add(row.split, [row.key], [row.given], [uri])
        if row.decided >= 0:
            review = Review(
                key=row.key,
                split=row.split,
                given_label=row.given,
                verification_label=row.decided,
                correct_label=row.correct,
                time=now,
            )
            collected.reviews.append(review)
    features = np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float32)
    batch = [row.split for row in rows], [row.key for row in rows], features
    write_workspace(made, iter([batch]), collected, bad_rows_policy(settings), None, None)
    workspace = open_workspace(folder)
    write_scores_of(workspace, [row for row in rows if row.has_score])
    return workspace


def write_scores_of(workspace: Workspace, rows: Sequence[Row]) -> None:
    columns = {
        "split": [row.split for row in rows],
        "key": [row.key for row in rows],
        "given_label": np.array([row.given for row in rows], dtype=np.int32),
        "score": np.array([row.quality for row in rows]),
        "label_quality": np.array([row.quality for row in rows]),
        "is_label_issue": np.array([row.issue for row in rows]),
        "suggested_label": np.array([row.suggested for row in rows], dtype=np.int32),
        "suggested_probability": np.array([row.chance for row in rows]),
        "sample_weight": np.array([row.weight for row in rows]),
        "verifier_quality": np.array([row.quality for row in rows]),
    }
    path = workspace.scores(SOURCE)
    write_table(path, columns)
    record(path, {"step": "score", "inputs": input_hashes(workspace)})


def tree(root: Path, *, times: bool = True) -> dict[str, tuple[str, int, int]]:
    """Hash, mode and time of every file and folder below a folder."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[path.relative_to(root).as_posix()] = digest, status.st_mode, status.st_mtime_ns if times else 0
    return found


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
