"""Photographs with human label errors (CIFAR-10N), a small residual network on them, and what a verifier says."""

from __future__ import annotations

import io
import random
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

from noisette.files import atomic_path
from noisette.functional.detection_metrics import auroc, average_error_rate
from noisette.heads import HeteroscedasticHead, replace_head
from noisette.scores.curation import DROPPED, CurationRule, curate
from noisette.scores.decisions import label_scores
from noisette.training import TrainedClassifier, TrainingRecipe, evaluate_classifier, train_classifier
from noisette.training.small_resnet import make_small_resnet
from noisette.types import BoolArray, Float32Array, Float64Array, IntArray, LabelScores
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.evidence.verifier import EvidenceVerifier

SIDE, BORDER, NETWORK = 32, 4, "small-resnet:16"
RELABEL_ABOVE = 0.5
"""That of `noisette train --weights corrected`."""
_MEAN, _STD = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)
_BLOCK = 1000


@dataclass(frozen=True, eq=False)
class Photographs:
    """A training set under noisy labels and a clean test set.

    Attributes:
        pictures: (N, 3, 32, 32) uint8.
        given: (N,) labels as people gave them.
        truth: (N,) classes.
        test_pictures: (M, 3, 32, 32) uint8.
        test_truth: (M,) classes.
        features: (N, D) of a network that has seen other pictures (ImageNet); no columns where there are none.
    """

    pictures: np.ndarray
    given: IntArray
    truth: IntArray
    test_pictures: np.ndarray
    test_truth: IntArray
    features: Float32Array


def load(folder: Path, cache: Path, labels: str = "worse") -> Photographs:
    """Read the archive (decoded once, into `cache`) and the labels."""
    with np.load(folder / "cifar10n_features.npz") as train, np.load(folder / "cifar10n_test.npz") as test:
        pictures = cache / "pictures.npz"
        if not pictures.exists():
            decoded = _decode(folder / "cifar10_jpgs.tar.xz", {"train": train["paths"], "test": test["paths"]})
            cache.mkdir(parents=True, exist_ok=True)
            with atomic_path(pictures) as temporary, temporary.open("wb") as file:
                np.savez(file, **decoded)  # type: ignore[arg-type]
        with np.load(pictures) as found:
            return Photographs(
                found["train"],
                train[f"label_{labels}"].astype(np.int64),
                train["label_clean"].astype(np.int64),
                found["test"],
                test["label_clean"].astype(np.int64),
                train["features"].astype(np.float32),
            )


def _decode(archive: Path, paths: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Decode the pictures of each list of paths, in its order."""
    places = {str(path): (name, row) for name, listed in paths.items() for row, path in enumerate(listed)}
    found = {name: np.zeros((len(listed), 3, SIDE, SIDE), dtype=np.uint8) for name, listed in paths.items()}
    left = set(places)
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name in left else None
            if file is not None:
                name, row = places[member.name]
                found[name][row] = np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB")).transpose(2, 0, 1)
                left.discard(member.name)
    if left:
        raise SystemExit(f"{archive} lacks {len(left)} pictures, {min(left)} among them")
    return found


def generate(num_classes: int = 4, per_class: int = 60) -> Photographs:
    """Make pictures of coloured stripes; 40 % of the labels are wrong."""
    rng = np.random.default_rng(0)
    truth = np.arange(num_classes * per_class) % num_classes
    patterns = rng.integers(0, 256, (num_classes, 3, SIDE, 1))

    def pictures(classes: IntArray) -> np.ndarray:
        noisy = patterns[classes] + rng.normal(scale=40, size=(classes.size, 3, SIDE, SIDE))
        return noisy.clip(0, 255).astype(np.uint8)

    wrong = rng.random(truth.size) < 0.4
    given = np.where(wrong, (truth + rng.integers(1, num_classes, truth.size)) % num_classes, truth)
    test = truth[: truth.size // 2]
    features = np.eye(num_classes)[truth] + rng.normal(scale=0.5, size=(truth.size, num_classes))
    return Photographs(pictures(truth), given, truth, pictures(test), test, features.astype(np.float32))


class Shifted(Dataset[tuple[Tensor, int, float]]):
    """Pictures moved by up to 4 pixels, half of them mirrored, with labels and weights.

    Args:
        pictures: (N, 3, 32, 32) uint8.
        rows: (n,) which of them.
        labels: (n,) class ids.
        weights: (n,) >= 0; scaled to mean 1.
    """

    def __init__(self, pictures: np.ndarray, rows: IntArray, labels: IntArray, weights: Float64Array) -> None:
        border = (BORDER, BORDER)
        self.pictures = torch.from_numpy(np.pad(pictures, ((0, 0), (0, 0), border, border)))
        self.rows, self.targets, self.weights = rows, labels, weights / weights.mean()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int, float]:
        """Give (picture (3, 32, 32) uint8, label, weight)."""
        top, left = random.randrange(2 * BORDER + 1), random.randrange(2 * BORDER + 1)
        picture = self.pictures[self.rows[index], :, top : top + SIDE, left : left + SIDE]
        picture = picture.flip(-1) if random.random() < 0.5 else picture
        return picture, int(self.targets[index]), float(self.weights[index])


class Network(nn.Module):
    """The small residual network of `noisette train`, on uint8 pictures."""

    mean: Tensor
    scale: Tensor

    def __init__(self, num_classes: int, name: str = NETWORK, *, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = make_small_resnet(name, num_classes)
        self.register_buffer("mean", 255 * torch.tensor(_MEAN).view(3, 1, 1))
        self.register_buffer("scale", 1 / (255 * torch.tensor(_STD).view(3, 1, 1)))

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, 32, 32) uint8 -> (B, K) logits."""
        logits: Tensor = self.body((pictures.float() - self.mean) * self.scale)
        return logits


def make_network(num_classes: int, *, num_factors: int = 0, name: str = NETWORK, seed: int) -> Network:
    """Make a network, with a heteroscedastic head of so many factors where that is not 0."""
    network = Network(num_classes, name, seed=seed)
    if num_factors:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            replace_head(network, HeteroscedasticHead, layer="body.fc", num_factors=num_factors)
    return network


def train(
    network: Network,
    data: Photographs,
    labels: IntArray,
    weights: Float64Array,
    recipe: TrainingRecipe,
    *,
    device: str,
    seed: int,
) -> TrainedClassifier:
    """Train on the samples whose label is not -1."""
    rows = np.flatnonzero(labels >= 0)
    samples = Shifted(data.pictures, rows, labels[rows], weights[rows])
    return train_classifier(network, samples, recipe=recipe, device=device, random_state=seed)


def measure(network: nn.Module, data: Photographs, device: str) -> dict[str, float]:
    """Give accuracy and NLL on the clean test set."""
    samples = [
        (torch.from_numpy(row), int(label)) for row, label in zip(data.test_pictures, data.test_truth, strict=True)
    ]
    found = evaluate_classifier(network, samples, device=device, batch_size=500).as_numbers()
    return {name: float(found[name] or 0.0) for name in ("top1", "nll")}


@torch.no_grad()
def features_of(network: Network, pictures: np.ndarray, device: str) -> Float32Array:
    """Give (N, D): what goes into the last layer."""
    seen: list[Tensor] = []
    handle = network.body.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].float().cpu()))
    network.eval().to(device)
    for start in range(0, len(pictures), _BLOCK):
        network(torch.from_numpy(pictures[start : start + _BLOCK]).to(device))
    handle.remove()
    return np.asarray(torch.cat(seen).numpy(), dtype=np.float32)


def joined(own: Float32Array, data: Photographs) -> Float32Array:
    """Put a classifier's features beside those of a network that has seen other pictures, rows of length 1 each."""
    parts = [unit_rows(part) for part in (own, data.features) if part.shape[1]]
    return np.concatenate(parts, axis=1).astype(np.float32)


# What a verifier says, as `noisette detect` and `noisette train` take it


def judge(
    features: Float32Array, data: Photographs, checked: IntArray, seed: int
) -> tuple[LabelScores, dict[str, float]]:
    """Fit an evidence verifier on the checked labels (N,) of 1, 0, -1; give scores of all, and how good they are."""
    start = time.process_time()
    verifier = EvidenceVerifier(random_state=seed).fit(features, data.given, checked)
    columns = zip(*verifier.iter_scores(features, data.given), strict=True)
    score, suggested, chance = (np.concatenate(parts) for parts in columns)
    scores = label_scores(
        data.given,
        scores=score,
        verification_labels=checked,
        label_quality=verifier.quality_of_scores(score),
        verdict=verifier.verdict_of_scores(score),
        suggested=suggested,
        suggested_probability=chance,
        sample_weight=verifier.weight_of_scores(score, "soft"),
    )
    correct, rest = (data.given == data.truth).astype(np.int64), np.flatnonzero(checked < 0)
    found = {"cpu_seconds": round(time.process_time() - start, 1)}
    if np.unique(correct[rest]).size == 2:
        found["auroc"] = auroc(score[rest], correct[rest])
        found["error"] = average_error_rate(~scores.is_label_issue[rest], correct[rest], data.given[rest])
    return scores, found


def learned_from(scores: LabelScores, checked: IntArray, kind: str) -> tuple[IntArray, Float64Array]:
    """Give labels (N,), -1 where a sample is left out, and weights (N,), by the rules of `noisette train --weights`."""
    if kind == "soft":
        return scores.given_label, scores.sample_weight
    if kind == "hard":
        return scores.given_label, (~scores.is_label_issue).astype(np.float64)
    untouched: BoolArray = np.zeros(checked.size, dtype=np.bool_)
    curated = curate(
        CurationRule(relabel_above=None if kind == "drop" else RELABEL_ABOVE),
        scores,
        verification_labels=checked,
        correct_labels=np.full(checked.size, -1),
        is_untouched=untouched,
    )
    labels = np.where(curated.action == DROPPED, -1, curated.label)
    return labels, curated.sample_weight if kind == "corrected-soft" else np.ones(labels.size)


def checked_in(data: Photographs, rows: IntArray) -> IntArray:
    """Give verification labels (N,): the truth at `rows`, -1 elsewhere."""
    found = np.full(data.given.size, -1)
    found[rows] = data.given[rows] == data.truth[rows]
    return found


def drawn_by_class(data: Photographs, per_class: int, num_classes: int, seed: int) -> IntArray:
    """Give rows to verify: so many at random in each of some random given-classes."""

    def rows() -> Iterator[Any]:
        rng = np.random.default_rng([seed, 11])
        for label in rng.permutation(int(data.given.max()) + 1)[:num_classes]:
            inside = np.flatnonzero(data.given == label)
            yield rng.permutation(inside)[: min(per_class, inside.size // 2)]

    return np.sort(np.concatenate(list(rows())))
