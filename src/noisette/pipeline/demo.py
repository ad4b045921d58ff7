"""`noisette demo`: pictures of digits, some put in the wrong folder, labels checked in half of the classes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from noisette.data import write_class_list, write_label_file
from noisette.errors import WorkspaceError
from noisette.files import atomic_path
from noisette.functional.detection_metrics import auroc, average_error_rate
from noisette.functional.noise import inject_label_noise, noise_transition
from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.detect import detect
from noisette.pipeline.embed import embed
from noisette.pipeline.report import make_report
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.settings import DetectSettings, Settings
from noisette.pipeline.workspace import SETTINGS_FILE, Workspace, open_workspace
from noisette.store import read_samples
from noisette.types import IntArray, Progress, silent
from noisette.verifier.saving import load_rules

CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CONFUSABLE = {
    0: [6, 9],
    1: [7, 4],
    2: [7, 3],
    3: [8, 5],
    4: [9, 1],
    5: [3, 6],
    6: [0, 5],
    7: [1, 2],
    8: [3, 0],
    9: [4, 8],
}
NOISE_RATES = (0.10, 0.25, 0.15, 0.30, 0.20, 0.25, 0.10, 0.20, 0.30, 0.15)
VERIFIED_CLASSES = (1, 3, 5, 7, 8)
NUM_VERIFIED_PER_CLASS = 60
VERIFIERS = ("naive", "average", "filtering", "knn", "label-spreading", "evidence", "cleannet")
SEED = 0
ENLARGE = 8


@dataclass(frozen=True)
class DemoRow:
    """Errors of one verifier against the truth, on labels that nobody checked."""

    name: str
    error_inside: float
    error_outside: float
    auroc_inside: float
    auroc_outside: float


@dataclass(frozen=True)
class DemoResult:
    """What the demo showed."""

    num_samples: int
    num_wrong: int
    num_verified: int
    verified_classes: tuple[str, ...]
    chosen: str
    rows: tuple[DemoRow, ...]
    report: Path

    def to_json(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return dataclasses.asdict(self) | {"report": str(self.report)}


def run_demo(root: Path, progress: Progress = silent) -> DemoResult:
    """Make pictures and a workspace in `root` (or take up what is there), run every step, compare with the truth.

    Raises:
        WorkspaceError: `root` is a workspace of something else, which the demo leaves as it is.
    """
    images, truth = _digits()
    given = _noisy_labels(truth)
    verified = _verified_rows(truth)
    if (root / SETTINGS_FILE).exists():
        workspace = _own(open_workspace(root), given)
    else:
        workspace = _create(root, images, given, truth, verified)
    embed(workspace, progress)
    found = detect(workspace, progress)
    report = make_report(workspace, progress)
    rows = tuple(_compare(workspace, name, truth, given, verified) for name in VERIFIERS)
    names = tuple(CLASS_NAMES[i] for i in VERIFIED_CLASSES)
    return DemoResult(truth.size, int((given != truth).sum()), verified.size, names, found.chosen, rows, report)


def _own(workspace: Workspace, given: IntArray) -> Workspace:
    """Give a workspace that the demo made; nobody's own data is to be touched."""
    keys = sorted(read_samples(workspace.samples).keys)
    if workspace.class_names() != CLASS_NAMES or keys != sorted(_keys(given)):
        raise WorkspaceError(f"{workspace.root} is a workspace of something else; name another folder for the demo")
    return workspace


def _keys(given: IntArray) -> list[str]:
    """Give the path of each picture: in the folder of its given label, which is not always its class."""
    return [f"{CLASS_NAMES[label]}/{number:04d}.png" for number, label in enumerate(given)]


def _digit_of(key: str) -> int:
    """Give the number of the digit behind a path."""
    return int(Path(key).stem)


def _digits() -> tuple[np.ndarray, IntArray]:
    bunch = load_digits()
    return bunch.images.astype(np.float32), bunch.target.astype(np.int64)


def _noisy_labels(truth: IntArray) -> IntArray:
    transition = noise_transition(len(CLASS_NAMES), NOISE_RATES, confusable=CONFUSABLE)
    return inject_label_noise(truth, transition, random_state=SEED)


def _verified_rows(truth: IntArray) -> IntArray:
    given = _noisy_labels(truth)
    rng = np.random.default_rng(SEED)
    rows = [
        rng.choice(np.flatnonzero(given == label), NUM_VERIFIED_PER_CLASS, replace=False) for label in VERIFIED_CLASSES
    ]
    return np.sort(np.concatenate(rows))


def _create(root: Path, images: np.ndarray, given: IntArray, truth: IntArray, verified: IntArray) -> Workspace:
    """Write what a person would bring, pictures and a list of checked labels, and make a workspace of it."""
    keys, folder = _keys(given), root / "images"
    for key, image in zip(keys, images, strict=True):
        _write_picture(folder / key, image)
    checked = root / "verified.csv"
    columns = {"key": [keys[row] for row in verified], "verification_label": (given == truth)[verified].astype(int)}
    write_label_file(checked, columns | {"reviewer": ["demo"] * verified.size})
    write_class_list(root / "class_names.txt", CLASS_NAMES)
    settings = Settings(detect=DetectSettings(verifier="auto", candidates=VERIFIERS)).with_options(
        project={"title": "Handwritten digits with wrong labels"}, embed={"backbone": "pixels"}
    )
    source = ImageSource(images=folder, classes=root / "class_names.txt")
    create_from_images(root, source, settings, verified=checked)
    return open_workspace(root)


def _write_picture(path: Path, image: np.ndarray) -> None:
    """Write an 8 x 8 digit as dark ink on white, enlarged without smoothing."""
    ink = np.uint8(255) - (image * (255 / 16)).astype(np.uint8)
    side = image.shape[0] * ENLARGE
    with atomic_path(path) as temporary:
        Image.fromarray(ink).resize((side, side), Image.Resampling.NEAREST).save(temporary, format="PNG")


def _compare(workspace: Workspace, name: str, truth: IntArray, given: IntArray, verified: IntArray) -> DemoRow:
    """Measure a verifier against the truth on labels that nobody checked, in checked classes and in the others."""
    table = read_scores(workspace.scores(name))
    scores = np.empty(truth.size)
    scores[[_digit_of(key) for key in table.keys]] = table.scores.score
    correct = (given == truth).astype(np.int64)
    verdict = load_rules(workspace.verifier(name)).verdict(scores)
    unchecked = np.setdiff1d(np.arange(truth.size), verified)
    is_inside = np.isin(given[unchecked], VERIFIED_CLASSES)
    parts = [unchecked[is_inside], unchecked[~is_inside]]
    errors = [average_error_rate(verdict[rows], correct[rows], given[rows]) for rows in parts]
    areas = [auroc(scores[rows], correct[rows]) for rows in parts]
    return DemoRow(name, errors[0], errors[1], areas[0], areas[1])
