"""`noisette demo`: digits, some of them in the wrong folder, labels checked in half of the classes; the whole loop."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
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
from noisette.pipeline.rounds_record import RoundRecord
from noisette.pipeline.run import run
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
NUM_TEST = 360
SEED = 0
ENLARGE = 4
TRAINING = {"backbone": "small-resnet:8", "from_scratch": True, "flip": False, "epochs": 12}
FINE_TUNING = {"epochs": 6, "learning_rate_factor": 0.5}


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
    """What the demo showed.

    Attributes:
        num_samples: training pictures.
        num_wrong: those in the wrong folder.
        num_verified: labels checked.
        verified_classes: of which classes.
        chosen: the verifier whose weights the classifier was fine-tuned with.
        rows: a row a verifier.
        num_test: pictures in the right folders, which nothing has seen.
        accuracy_before, accuracy_after: on these, of the classifier trained on everything, and fine-tuned.
        report: the page.
    """

    num_samples: int
    num_wrong: int
    num_verified: int
    verified_classes: tuple[str, ...]
    chosen: str
    rows: tuple[DemoRow, ...]
    num_test: int
    accuracy_before: float
    accuracy_after: float
    report: Path

    def to_json(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return dataclasses.asdict(self) | {"report": str(self.report)}


def run_demo(root: Path, progress: Progress = silent) -> DemoResult:
    """Make pictures and a workspace in `root` (or take up what is there), run the loop once, compare with the truth.

    A classifier is trained on all labels; its features show which are wrong; it is fine-tuned on weighted ones.

    Raises:
        WorkspaceError: `root` is a workspace of something else, which the demo leaves as it is.
    """
    digits = _digits()
    if (root / SETTINGS_FILE).exists():
        workspace = _own(open_workspace(root), digits)
    else:
        workspace = _create(root, digits)
    done = run(workspace, progress, rounds=1, device="cpu")
    assert done.rounds is not None
    before, after = (_test_accuracy(record) for record in done.rounds.records)
    return DemoResult(
        num_samples=digits.training.size,
        num_wrong=int((digits.given != digits.truth).sum()),
        num_verified=digits.verified.size,
        verified_classes=tuple(CLASS_NAMES[i] for i in VERIFIED_CLASSES),
        chosen=done.detection.chosen,
        rows=tuple(_compare(done.rounds.workspace, name, digits) for name in VERIFIERS),
        num_test=digits.truth.size - digits.training.size,
        accuracy_before=before,
        accuracy_after=after,
        report=done.report,
    )


def _test_accuracy(record: RoundRecord) -> float:
    accuracy = record.evaluation["test"]["given"]["top1"]
    assert accuracy is not None
    return accuracy


def _own(workspace: Workspace, digits: _Digits) -> Workspace:
    """Give a workspace that the demo made; nobody's own data is to be touched."""
    samples = read_samples(workspace.samples)
    found = {f"{split}/{key}" for split, key in zip(samples.splits, samples.keys, strict=True)}
    if workspace.class_names() != CLASS_NAMES or found != set(digits.paths):
        raise WorkspaceError(f"{workspace.root} is a workspace of something else; name another folder for the demo")
    return workspace


@dataclass(frozen=True, eq=False)
class _Digits:
    """All N digits.

    Attributes:
        images: (N, 8, 8), ink from 0 to 16.
        truth, given: (N,) classes and labels; the same outside `training`.
        training: rows to learn from; the others are to measure on.
        verified: rows of checked labels.
    """

    images: np.ndarray
    truth: IntArray
    given: IntArray
    training: IntArray
    verified: IntArray

    @cached_property
    def paths(self) -> list[str]:
        """Path of each picture: in the folder of its given label, which is not always its class."""
        is_training = np.isin(np.arange(self.given.size), self.training)
        return [
            f"{'train' if learned else 'test'}/{CLASS_NAMES[label]}/{number:04d}.png"
            for number, (label, learned) in enumerate(zip(self.given, is_training, strict=True))
        ]


def _digits() -> _Digits:
    bunch = load_digits()
    truth = bunch.target.astype(np.int64)
    rng = np.random.default_rng(SEED)
    training = np.sort(rng.permutation(truth.size)[NUM_TEST:])
    transition = noise_transition(len(CLASS_NAMES), NOISE_RATES, confusable=CONFUSABLE)
    given = truth.copy()
    given[training] = inject_label_noise(truth[training], transition, random_state=SEED)
    checked = [
        rng.choice(training[given[training] == label], NUM_VERIFIED_PER_CLASS, replace=False)
        for label in VERIFIED_CLASSES
    ]
    return _Digits(bunch.images.astype(np.float32), truth, given, training, np.sort(np.concatenate(checked)))


def _create(root: Path, digits: _Digits) -> Workspace:
    """Write what a person would bring, pictures and a list of checked labels, and make a workspace of it."""
    folder, checked = root / "images", root / "verified.csv"
    for path, image in zip(digits.paths, digits.images, strict=True):
        _write_picture(folder / path, image)
    rows = digits.verified
    columns = {
        "split": ["train"] * rows.size,
        "key": [digits.paths[row].removeprefix("train/") for row in rows],
        "verification_label": (digits.given == digits.truth)[rows].astype(int),
        "reviewer": ["demo"] * rows.size,
    }
    write_label_file(checked, columns)
    write_class_list(root / "class_names.txt", CLASS_NAMES)
    settings = Settings(detect=DetectSettings(verifier="auto", candidates=VERIFIERS)).with_options(
        project={"title": "Handwritten digits with wrong labels"}, train=TRAINING, rounds=FINE_TUNING
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


def _compare(workspace: Workspace, name: str, digits: _Digits) -> DemoRow:
    """Measure a verifier against the truth on labels that nobody checked, in checked classes and in the others."""
    table, scores = read_scores(workspace.scores(name)), np.empty(digits.truth.size)
    scores[[int(Path(key).stem) for key in table.keys]] = table.scores.score
    correct = (digits.given == digits.truth).astype(np.int64)
    verdict = load_rules(workspace.verifier(name)).verdict(scores)
    unchecked = np.setdiff1d(digits.training, digits.verified)
    is_inside = np.isin(digits.given[unchecked], VERIFIED_CLASSES)
    parts = [unchecked[is_inside], unchecked[~is_inside]]
    errors = [average_error_rate(verdict[rows], correct[rows], digits.given[rows]) for rows in parts]
    areas = [auroc(scores[rows], correct[rows]) for rows in parts]
    return DemoRow(name, errors[0], errors[1], areas[0], areas[1])
