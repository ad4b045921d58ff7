"""From 50,000 picture files with human labels (CIFAR-10N, "worse": 40 % wrong) to a report, in one script.

Command: python benchmarks/cifar10n_files.py --archive ../shared/data/cifar10_jpgs.tar.xz \
             --labels ../shared/data/cifar10n_features.npz --output runs/cifar10n_files
Cost: 25 minutes of two cores, no GPU. Every step leaves its result in --output and is not done twice.

1. unpack the pictures; write a manifest (path, given label) and 1,000 verified labels, all in five of the ten classes
2. train a small network on the given labels as they are (the paper's way: features of the classifier to be cleaned)
3. noisette init --manifest, embed --backbone THIS_FILE:make_network --weights, detect, report
4. compare with the truth, on labels that nobody verified, inside and outside the verified classes

Rivals in the same run, on the same features: agreement of the 50 nearest neighbours with the given label, and the naive
belief that every label is correct. What must hold: files go to a report with pictures. --smoke makes 600 pictures of
its own, in three classes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from noisette.data import write_class_list, write_label_file
from noisette.features.transforms import ImageTransform
from noisette.functional.detection_metrics import auroc, average_error_rate
from noisette.functional.noise import inject_label_noise, noise_transition
from noisette.pipeline.detection_file import detection_of
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.workspace import open_workspace
from noisette.store import ParquetTable
from noisette.verifier.saving import load_rules

WIDTHS = (32, 64, 128, 256)
NUM_VERIFIED, NEIGHBOURS, SEED = 1000, 50, 0


class Network(nn.Module):
    """Four convolutions with pooling between them; 256 features before the last layer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for low, high in zip((3, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(low, high, 3, padding=1, bias=False), nn.BatchNorm2d(high), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Linear(WIDTHS[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Give (B, K) logits."""
        logits: Tensor = self.classifier(self.layers(images).mean(dim=(2, 3)))
        return logits


def make_network() -> tuple[nn.Module, ImageTransform]:
    """Give the network and its transform; `noisette embed` calls this."""
    return Network(10), ImageTransform(size=32, crop=1.0)


# Step 1: the data set as files


def unpack(archive: Path, folder: Path) -> None:
    if not (folder / "unpacked").exists():
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        (folder / "unpacked").touch()


def write_lists(folder: Path, paths: list[str], given: np.ndarray, truth: np.ndarray, names: list[str]) -> np.ndarray:
    """Write manifest, class list and verified labels; give the rows that are verified."""
    write_class_list(folder / "classes.txt", names)
    write_label_file(folder / "manifest.csv", {"path": paths, "given_label": [names[label] for label in given]})
    inside = np.flatnonzero(given < len(names) // 2)
    rng = np.random.default_rng(SEED)
    verified = np.sort(rng.choice(inside, min(NUM_VERIFIED, inside.size // 2), replace=False))
    columns = {"key": [paths[row] for row in verified], "verification_label": (given == truth)[verified].astype(int)}
    write_label_file(folder / "verified.csv", columns)
    return verified


# Step 2: a classifier on the labels as they are


def train_network(folder: Path, paths: list[str], given: np.ndarray, epochs: int) -> Path:
    """Train on all pictures with the given labels: SGD, one cycle, crops and flips."""
    weights = folder / "network.safetensors"
    if weights.exists():
        return weights
    images = torch.from_numpy(np.stack([_pixels(folder / path) for path in paths])).permute(0, 3, 1, 2)
    labels = torch.from_numpy(given.astype(np.int64))
    generator = torch.Generator().manual_seed(SEED)
    network = Network(10)
    for value in network.parameters():
        if value.ndim > 1:
            nn.init.kaiming_normal_(value, generator=generator)
    batch, steps = 128, 0
    total = epochs * -(-len(labels) // batch)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=total)
    for epoch in range(epochs):
        for rows in torch.randperm(len(labels), generator=generator).split(batch):
            loss = F.cross_entropy(network(_augmented(images[rows], generator)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            steps += 1
        print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.3f}", flush=True)
    save_file(network.state_dict(), weights)
    return weights


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


def _augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Normalise as `noisette embed` does, shift by up to four pixels, mirror half."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    padded = F.pad((images / 255 - mean) / std, (4, 4, 4, 4))
    top, left = torch.randint(0, 9, (2,), generator=generator).tolist()
    cut = padded[..., top : top + 32, left : left + 32]
    is_mirrored = torch.rand(len(cut), 1, 1, 1, generator=generator) < 0.5
    return torch.where(is_mirrored, cut.flip(3), cut)


# Step 3: noisette, as a person calls it


def noisette(*arguments: object) -> None:
    command = [sys.executable, "-m", "noisette", *map(str, arguments)]
    print("$ noisette " + " ".join(command[3:]), flush=True)
    subprocess.run(command, check=True)


def from_files_to_a_report(folder: Path, weights: Path) -> Path:
    work = folder / "work"
    if not (work / "noisette.toml").exists():
        lists = ["--classes", folder / "classes.txt", "--verified", folder / "verified.csv"]
        noisette("init", work, "--manifest", folder / "manifest.csv", *lists, "--title", "CIFAR-10N (worse)")
    backbone = f"{Path(__file__).resolve()}:make_network"
    noisette("embed", "-w", work, "--backbone", backbone, "--weights", weights, "--batch-size", 256)
    noisette("detect", "-w", work)
    noisette("report", "-w", work)
    return work


# Step 4: against the truth


def neighbour_agreement(work: Path, given: np.ndarray) -> np.ndarray:
    """Give the share of the 50 nearest neighbours (cosine, not itself) that carry the same label."""
    table = ParquetTable(open_workspace(work).features)
    features = F.normalize(torch.from_numpy(np.concatenate(list(table.iter_batches(4096)))))
    labels = torch.from_numpy(given)
    parts = []
    for start, block in zip(range(0, len(features), 1000), features.split(1000), strict=True):
        similarity = block @ features.T
        rows = torch.arange(len(block))
        similarity[rows, start + rows] = -2
        nearest = similarity.topk(min(NEIGHBOURS, len(features) - 1)).indices
        parts.append((labels[nearest] == labels[start + rows, None]).float().mean(dim=1))
    return torch.cat(parts).numpy()


def compare(
    work: Path, paths: list[str], given: np.ndarray, truth: np.ndarray, verified: np.ndarray
) -> dict[str, float]:
    workspace = open_workspace(work)
    chosen = str(detection_of(workspace)["chosen"])
    table = read_scores(workspace.scores(chosen))
    assert table.keys == paths
    correct = (given == truth).astype(np.int64)
    unverified = np.setdiff1d(np.arange(len(paths)), verified)
    is_inside = given[unverified] < (given.max() + 1) // 2
    verdict = load_rules(workspace.verifier(chosen)).verdict(table.scores.score)
    agreement = neighbour_agreement(work, given)
    found: dict[str, float] = {}
    for name, rows in (("inside", unverified[is_inside]), ("outside", unverified[~is_inside])):
        found[f"auroc_{name}"] = auroc(table.scores.score[rows], correct[rows])
        found[f"auroc_neighbours_{name}"] = auroc(agreement[rows], correct[rows])
        found[f"error_{name}"] = average_error_rate(verdict[rows], correct[rows], given[rows])
        found[f"error_naive_{name}"] = average_error_rate(np.ones(rows.size, bool), correct[rows], given[rows])
        print(
            f"{name:8s} verified classes   {chosen} AUROC {found[f'auroc_{name}']:.4f}, error "
            f"{found[f'error_{name}']:.4f}   neighbours {found[f'auroc_neighbours_{name}']:.4f}   naive error "
            f"{found[f'error_naive_{name}']:.4f}"
        )
    return {name: round(float(value), 4) for name, value in found.items()}


def made_up(folder: Path) -> tuple[list[str], np.ndarray, np.ndarray, list[str]]:
    """Write 600 pictures of stripes in three directions, a quarter of them mislabelled."""
    rng = np.random.default_rng(SEED)
    truth = np.arange(600) % 3
    given = inject_label_noise(truth, noise_transition(3, (0.25,) * 3), random_state=SEED)
    rows, columns = np.mgrid[0:32, 0:32]
    paths = []
    for number, label in enumerate(truth):
        waves = np.sin((rows, columns, rows + columns)[label] / 2 + rng.uniform(0, 6)) * 60 + 128
        values = np.clip(waves[..., None] + rng.normal(0, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
        paths.append(f"train/{number:04d}.png")
        (folder / "train").mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(folder / paths[-1])
    return paths, given, truth, ["rows", "columns", "slopes"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="600 made-up pictures")
    parser.add_argument("--archive", type=Path, help="train/<class>/NNNN.jpg in a tar")
    parser.add_argument("--labels", type=Path, help=".npz with paths, label_worse, label_clean, class_names")
    parser.add_argument("--output", type=Path, help="folder of pictures, workspace and report")
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if options.smoke:
            paths, given, truth, names = made_up(folder)
        elif options.archive is None or options.labels is None:
            parser.error("give --archive and --labels, or --smoke")
        else:
            unpack(options.archive, folder)
            with np.load(options.labels) as found:
                paths, names = found["paths"].tolist(), found["class_names"].tolist()
                given, truth = (found[name].astype(np.int64) for name in ("label_worse", "label_clean"))
        verified = write_lists(folder, paths, given, truth, names)
        weights = train_network(folder, paths, given, 3 if options.smoke else options.epochs)
        work = from_files_to_a_report(folder, weights)
        result = compare(work, paths, given, truth, verified)
        ratio = result["auroc_outside"] / result["auroc_neighbours_outside"]
        shown = (work / "report" / "index.html").read_text(encoding="utf-8").count("data:image/")
        print(
            json.dumps(
                {"benchmark": "cifar10n_files", **result, "ratio": round(ratio, 4), "pictures_in_report": shown}
                | {"holds": shown > 0}
            )
        )


if __name__ == "__main__":
    main()
