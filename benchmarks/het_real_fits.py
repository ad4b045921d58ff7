"""Frozen features with noisy labels, and last layers fitted to them: the half of `het_real.py` without a test row."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional as F

from arm_runs import kept_result
from noisette.functional import (
    class_accuracy,
    class_brier_score,
    negative_log_likelihood,
    top_label_calibration_error,
)
from noisette.heads import HeteroscedasticHead, HeteroscedasticXLHead, fit_temperature
from noisette.heads.base import HeteroscedasticBase
from noisette.types import Float64Array

LEARNING_RATE, EPOCHS, BATCH, HELD_OUT = 1e-2, 10, 512, 0.1
BOUNDS = (0.05, 10.0)
HOMOSCEDASTIC = "homoscedastic"


@dataclass(frozen=True)
class Setting:
    """A head, the weight decay of its mean and of its noise layers, its factors, its samples in training."""

    arm: str
    decay: float = 0.0
    noise_decay: float = 0.0
    factors: int = 0
    samples: int = 16


def _settings(arm: str, *options: tuple[float, float, int, int]) -> list[Setting]:
    return [Setting(arm, *option) for option in options]


DECAYS = ((0.3, 1.0), (0.3, 3.0), (0.3, 10.0), (0.1, 3.0), (1.0, 3.0))
FACTORED = (*((*decays, 6, 16) for decays in DECAYS), (0.3, 3.0, 3, 16), (0.3, 3.0, 10, 16), (0.3, 3.0, 6, 64))
SEARCH = {
    HOMOSCEDASTIC: [Setting(HOMOSCEDASTIC, decay) for decay in (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)],
    "diagonal": _settings("diagonal", *((*decays, 0, 16) for decays in DECAYS)),
    "full": _settings("full", *FACTORED),
    "parameter-efficient": _settings("parameter-efficient", *FACTORED),
    "xl": _settings("xl", (0.3, 3.0, 6, 8), (0.3, 10.0, 6, 8), (0.1, 3.0, 6, 8)),
}


@dataclass(frozen=True, eq=False)
class Split:
    """Training rows and held-out rows with noisy labels, and what scales features: (x - center) / scale."""

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor
    center: Tensor
    scale: Tensor


class PlainHead(nn.Linear):
    """The homoscedastic head, with a temperature that is fitted after training."""

    temperature: Tensor

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Give (B, K) log-probabilities."""
        return F.log_softmax(super().forward(x) / self.temperature, dim=1)


Head = PlainHead | HeteroscedasticBase


# Data


@cache
def training_data(folder: Path | None, label: str) -> tuple[Tensor, Tensor, list[str]]:
    """Give features (N, D), noisy labels (N,) and class names."""
    if folder is None:
        features, truth = generated(1200, seed=0)
        shift = torch.rand(len(truth), generator=torch.Generator().manual_seed(1)) < 0.3
        return features, torch.where(shift, truth ^ 1, truth), GENERATED_NAMES
    with np.load(folder / "cifar10n_features.npz") as arrays:
        names = [str(name) for name in arrays["class_names"]]
        given = arrays[f"label_{label}"].astype(np.int64)
        return torch.from_numpy(arrays["features"].astype(np.float32)), torch.from_numpy(given), names


def test_data(folder: Path | None) -> tuple[Tensor, Float64Array, Any]:
    """Give features (N, D), the distribution (N, K) of what people say, and clean labels (N,)."""
    if folder is None:
        features, truth = generated(400, seed=2)
        share = 0.3 * torch.rand(len(truth), 1, generator=torch.Generator().manual_seed(3))
        people = (1 - share) * F.one_hot(truth, 10) + share * F.one_hot(truth ^ 1, 10)
        return features, people.double().numpy(), truth.numpy()
    with np.load(folder / "cifar10n_test.npz") as arrays:
        counts = arrays["cifar10h_counts"].astype(np.float64)
        people = counts / counts.sum(1, keepdims=True)
        return torch.from_numpy(arrays["features"].astype(np.float32)), people, arrays["label_clean"].astype(np.int64)


GENERATED_NAMES = ["cat", "dog", "automobile", "truck", "deer", "horse", "airplane", "ship", "bird", "frog"]


def generated(size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Make Gaussian classes; pairs of neighbours in the list of names are near each other."""
    centers = torch.randn(10, 16, generator=torch.Generator().manual_seed(9))
    centers[1::2] = centers[::2] + 0.5 * centers[1::2]
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(10, (size,), generator=generator)
    return centers[truth] + torch.randn(size, 16, generator=generator), truth


def split_of(folder: Path | None, label: str, seed: int) -> Split:
    """Split off the held-out rows of a seed, and scale features by the others."""
    features, given, _ = training_data(folder, label)
    order = torch.randperm(len(given), generator=torch.Generator().manual_seed(seed))
    held, kept = order.tensor_split([int(HELD_OUT * len(order))])
    x = features[kept]
    center = x.mean(0)
    scale = (x - center).square().mean().sqrt()
    return Split((x - center) / scale, given[kept], (features[held] - center) / scale, given[held], center, scale)


# Fits


def make_head(setting: Setting, in_features: int, num_classes: int) -> Head:
    arm, factors, samples = setting.arm, setting.factors, setting.samples
    if arm == HOMOSCEDASTIC:
        return PlainHead(in_features, num_classes)
    if arm == "xl":
        return HeteroscedasticXLHead(in_features, num_classes, num_factors=factors, num_train_samples=samples)
    shared = arm == "parameter-efficient"
    return HeteroscedasticHead(
        in_features, num_classes, num_factors=factors, parameter_efficient=shared, num_train_samples=samples
    )


def parameter_groups(head: Head, setting: Setting) -> list[dict[str, Any]]:
    """Decay the matrices of the mean and of the noise, each by its own; no biases, factors or temperatures."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, value in head.named_parameters():
        decay = 0.0
        if name.endswith("weight"):
            decay = setting.noise_decay if name.startswith("spread.") else setting.decay
        groups.setdefault(decay, []).append(value)
    return [{"params": values, "weight_decay": decay} for decay, values in groups.items()]


def train(head: Head, split: Split, setting: Setting, seed: int, epochs: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    batch = min(BATCH, len(split.y) // 8)
    steps = epochs * (len(split.y) // batch)
    optimizer = torch.optim.AdamW(parameter_groups(head, setting), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    head.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(split.y), generator=generator).split(batch):
            if len(rows) < batch:
                continue
            x, y = split.x[rows], split.y[rows]
            loss = F.nll_loss(head(x), y) if isinstance(head, PlainHead) else head.nll(x, y, generator=generator)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    head.eval()


@torch.no_grad()
def fit_any_temperature(head: Head, x: Tensor, y: Tensor) -> None:
    """Fit the temperature of either kind of head to held-out labels, between the same bounds."""
    if isinstance(head, HeteroscedasticBase):
        fit_temperature(head, [(x, y)], bounds=BOUNDS)
        return

    def loss(log: float) -> float:
        head.temperature.fill_(np.exp(log))
        return float(F.nll_loss(head(x), y))

    found = minimize_scalar(loss, bounds=tuple(np.log(BOUNDS)), method="bounded", options={"xatol": 1e-3})
    head.temperature.fill_(np.exp(found.x))


@torch.no_grad()
def measure(head: Head, x: Tensor, labels: Any) -> dict[str, float]:
    """NLL, Brier score, calibration and accuracy on hard labels."""
    log_p = torch.cat([head(rows) for rows in x.split(2048)])
    p = log_p.exp()
    return {
        "nll": negative_log_likelihood(log_p, labels),
        "brier": class_brier_score(p, labels),
        "ece": top_label_calibration_error(p, labels),
        "accuracy": class_accuracy(log_p, labels),
    }


class Fits:
    """Fits of one set of labels, made once each."""

    def __init__(self, folder: Path | None, label: str, output: Path) -> None:
        self.folder, self.label, self.output = folder, label, output
        self.epochs = EPOCHS if folder is not None else 3
        self.split = cache(lambda seed: split_of(folder, label, seed))
        self.num_classes = len(training_data(folder, label)[2])

    def result(self, setting: Setting, seed: int) -> dict[str, Any]:
        """Give what is known of a fit from its own split: no test row is looked at."""
        path = self._path(setting, seed)

        def line(found: dict[str, Any]) -> str:
            return f"  {path.stem}: held-out NLL {found['held_out']['nll']:.4f}, {found['seconds']:.0f} s"

        fit = partial(self._fit, setting, seed, path.with_suffix(".safetensors"))
        found: dict[str, Any] = kept_result(path, fit, say=line)
        return found

    def head(self, setting: Setting, seed: int) -> Head:
        """Give the fitted head, for evaluation."""
        self.result(setting, seed)
        head = make_head(setting, self.split(seed).x.shape[1], self.num_classes)
        head.load_state_dict(load_file(self._path(setting, seed).with_suffix(".safetensors")))
        return head.eval()

    def _path(self, setting: Setting, seed: int) -> Path:
        options = f"{setting.decay:g}-{setting.noise_decay:g}-{setting.factors}-{setting.samples}"
        return self.output / f"{self.label}-{seed}-{setting.arm}-{options}.json"

    def _fit(self, setting: Setting, seed: int, weights: Path) -> dict[str, Any]:
        split, start, epochs = self.split(seed), time.process_time(), self.epochs
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = make_head(setting, split.x.shape[1], self.num_classes)
            if isinstance(head, HeteroscedasticBase):
                plain = self.head(Setting(HOMOSCEDASTIC, setting.decay), seed)
                assert isinstance(plain, PlainHead)
                head.load_linear(plain)
            else:
                epochs = 2 * self.epochs
        train(head, split, setting, seed, epochs)
        before = measure(head, split.held_x, split.held_y)["nll"]
        fit_any_temperature(head, split.held_x, split.held_y)
        seconds = time.process_time() - start
        save_file(head.state_dict(), weights)
        return {
            "label": self.label,
            "seed": seed,
            "setting": asdict(setting),
            "seconds": round(seconds, 1),
            "temperature": float(head.temperature.detach()),
            "held_out": measure(head, split.held_x, split.held_y) | {"nll_as_trained": before},
        }
