"""Heteroscedastic heads on real label noise: trained on labels of single people, tested on what fifty people say.

Command:  OMP_NUM_THREADS=1 python benchmarks/het_real.py --data ../shared/data --output runs/het_real
          (--labels random1, --seeds 0,1: a part of it; --smoke: generated data, seconds)
Data:     cifar10n_features.npz: 50,000 pictures, 256 frozen features of a network that saw none of their labels;
          CIFAR-10N "random1" (one person a picture, 17 % wrong) and "worse" (40 %). cifar10n_test.npz: 10,000 others,
          CIFAR-10H (about fifty people a picture) and the clean label. Features are centred and divided by one number,
          both of the training rows.
Protocol: a seed splits off 5,000 rows, initialises and shuffles. Ten epochs of AdamW, batches of 512; the other heads
          start from the homoscedastic one of the same seed (`load_linear`), which is given twenty. On the first seed
          each head's settings (SEARCH: weight decays, factors, samples) are those of the lowest NLL on the 5,000 *noisy*
          labels, temperature fitted on them; then, on every seed, the temperature and the best head likewise. This
          choice is written to selection.json before the test file is opened. The homoscedastic head gets its own
          temperature.
Rivals:   nn.Linear, as trained and with temperature scaling; both must be beaten.
Bars:     the chosen head has a lower NLL to CIFAR-10H than the homoscedastic one on every seed, and no lower mean
          accuracy; cat-dog, automobile-truck, deer-horse are among the five pairs that it reads out as most confused.
          Pairs are listed by every order that `confused_pairs` has, on the training rows.
Resumes:  each fit is a JSON file and its weights in --output.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize_scalar
from scipy.stats import entropy, spearmanr
from torch import Tensor, nn
from torch.nn import functional as F

from noisette.files import atomic_open
from noisette.functional import (
    class_accuracy,
    class_brier_score,
    negative_log_likelihood,
    top_label_calibration_error,
)
from noisette.heads import HeteroscedasticHead, HeteroscedasticXLHead, fit_temperature
from noisette.heads.base import HeteroscedasticBase
from noisette.heads.confusions import PairOrder, confused_pairs
from noisette.heads.readouts import average_covariance, label_disagreement
from noisette.heads.uncertainty import split_uncertainty
from noisette.types import Float64Array

LEARNING_RATE, EPOCHS, BATCH, HELD_OUT = 1e-2, 10, 512, 0.1
BOUNDS = (0.05, 10.0)
WANTED = ({"cat", "dog"}, {"automobile", "truck"}, {"deer", "horse"})
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
    HOMOSCEDASTIC: [Setting(HOMOSCEDASTIC, decay) for decay in (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)],
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
        if not path.exists():
            found = self._fit(setting, seed, path.with_suffix(".safetensors"))
            with atomic_open(path) as file:
                file.write(json.dumps(found, indent=1, sort_keys=True) + "\n")
            print(f"  {path.stem}: held-out NLL {found['held_out']['nll']:.4f}, {found['seconds']:.0f} s", flush=True)
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return loaded

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


# Selection, on noisy labels alone


def select(fits: Fits, seeds: list[int], num_settings: int | None = None) -> dict[str, Any]:
    """Choose each head's setting on the first seed, then the head on every seed, by NLL on held-out noisy labels."""

    def held_out_nll(setting: Setting, seed: int) -> float:
        return float(fits.result(setting, seed)["held_out"]["nll"])

    chosen: dict[str, Setting] = {}
    for arm, settings in SEARCH.items():
        chosen[arm] = min(settings[:num_settings], key=lambda setting: held_out_nll(setting, seeds[0]))
    noisy = [arm for arm in chosen if arm != HOMOSCEDASTIC]
    heads = {str(seed): min(noisy, key=lambda arm: held_out_nll(chosen[arm], seed)) for seed in seeds}
    return {"settings": {arm: asdict(setting) for arm, setting in chosen.items()}, "heads": heads}


def write_once(selection: dict[str, Any], path: Path) -> None:
    """Write the choice before the test; a later run may not choose otherwise."""
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != selection:
            raise SystemExit(f"{path} holds another choice, after which the test was opened; take a new --output")
        return
    with atomic_open(path) as file:
        file.write(json.dumps(selection, indent=1, sort_keys=True) + "\n")


# Test


@torch.no_grad()
def human_measures(head: Head, x: Tensor, people: Float64Array, clean: Any) -> dict[str, float]:
    """How near a head is to what people say, and to the clean label."""
    log_p = torch.cat([head(rows) for rows in x.split(2048)])
    found = measure(head, x, clean)
    predicted = entropy(log_p.double().exp().numpy(), axis=1)
    found |= {
        "human_nll": negative_log_likelihood(log_p, people),
        "human_brier": class_brier_score(log_p.exp(), people),
        "rank_correlation_of_entropy": float(spearmanr(predicted, entropy(people, axis=1)).statistic),
    }
    if isinstance(head, HeteroscedasticBase):
        parts = [split_uncertainty(head, rows) for rows in x.split(2048)]
        found["entropy_of_label_noise"] = float(torch.cat([part.label_noise for part in parts]).mean())
        found["entropy_of_the_rest"] = float(torch.cat([part.rest for part in parts]).mean())
    return found


ORDERS: dict[str, PairOrder] = {
    "covariance": "covariance",
    "correlation": "correlation",
    "shared": "shared",
    "disagreement": "disagreement",
    "disagreement by noise": "disagreement",
}


def pairs(head: HeteroscedasticBase, x: Tensor, names: list[str]) -> dict[str, list[str]]:
    """List the five most confused pairs on training rows, by each order."""
    batches = x.split(4096)
    covariance, labels = average_covariance(head, batches), label_disagreement(head, batches)
    found = {}
    for name, order in ORDERS.items():
        disagreement = labels.label_noise if name == "disagreement by noise" else labels.total
        listed = confused_pairs(covariance, names, 5, by=order, disagreement=disagreement)
        found[name] = ["-".join(pair.names) for pair in listed]
    return found


def wanted_found(listed: list[str]) -> int:
    """How many of the three pairs are in a list."""
    return sum({*pair.split("-")} in WANTED for pair in listed)


def test(fits: Fits, selection: dict[str, Any], seeds: list[int]) -> list[dict[str, Any]]:
    """Measure every arm on every seed: CIFAR-10H is opened here, for the first time."""
    features, people, clean = test_data(fits.folder)
    names, rows = training_data(fits.folder, fits.label)[2], []
    for seed in seeds:
        split = fits.split(seed)
        x = (features - split.center) / split.scale
        row: dict[str, Any] = {"seed": seed, "chosen": selection["heads"][str(seed)], "arms": {}}
        for arm, options in selection["settings"].items():
            setting = Setting(**options)
            head, result = fits.head(setting, seed), fits.result(setting, seed)
            kept = {"held_out": result["held_out"], "temperature": result["temperature"], "seconds": result["seconds"]}
            row["arms"][arm] = kept | human_measures(head, x, people, clean)
            if isinstance(head, PlainHead):
                head.temperature.fill_(1.0)
                as_trained = {"nll": result["held_out"]["nll_as_trained"]}
                row["arms"][f"{arm}, as trained"] = {
                    **human_measures(head, x, people, clean),
                    "held_out": measure(head, split.held_x, split.held_y) | as_trained,
                    "temperature": 1.0,
                }
            elif arm == row["chosen"]:
                row["pairs"] = pairs(head, split.x, names)
        rows.append(row)
    return rows


def bars(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Paired differences to the homoscedastic head, the better of its two forms, and the pairs."""
    gains, accuracies = [], []
    for row in rows:
        chosen = row["arms"][row["chosen"]]
        plain = [figures for arm, figures in row["arms"].items() if arm.startswith(HOMOSCEDASTIC)]
        gains.append(min(figures["human_nll"] for figures in plain) - chosen["human_nll"])
        accuracies.append(chosen["accuracy"] - max(figures["accuracy"] for figures in plain))
    listed = {order: [wanted_found(row["pairs"][order]) for row in rows] for order in ORDERS}
    return {
        "human_nll_gain": gains,
        "accuracy_gain": accuracies,
        "wanted_pairs_of_3": listed,
        "holds": {
            "human NLL lower on every seed": min(gains) > 0,
            "no loss of accuracy (mean)": float(np.mean(accuracies)) >= 0,
            "pairs by covariance or correlation, every seed": all(
                max(a, b) == 3 for a, b in zip(listed["covariance"], listed["correlation"], strict=True)
            ),
            "pairs by disagreement, every seed": min(listed["disagreement"]) == 3,
        },
    }


COLUMNS: dict[str, Callable[[dict[str, Any]], float]] = {
    "human NLL": lambda arm: arm["human_nll"],
    "human Brier": lambda arm: arm["human_brier"],
    "accuracy": lambda arm: arm["accuracy"],
    "rank corr.": lambda arm: arm["rank_correlation_of_entropy"],
    "noisy NLL": lambda arm: arm["held_out"]["nll"],
    "noisy Brier": lambda arm: arm["held_out"]["brier"],
    "noisy ECE": lambda arm: arm["held_out"]["ece"],
    "noisy acc.": lambda arm: arm["held_out"]["accuracy"],
    "temperature": lambda arm: arm["temperature"],
}


def table(label: str, rows: list[dict[str, Any]], found: dict[str, Any]) -> str:
    """Write one set of labels as plain text: means (standard deviations) over the seeds."""
    lines = [f"{label}, {len(rows)} seeds", f"  {'':<25}" + "".join(f"{column:>16}" for column in COLUMNS)]
    for arm in rows[0]["arms"]:
        values = [[read(row["arms"][arm]) for row in rows] for read in COLUMNS.values()]
        lines.append(f"  {arm:<25}" + "".join(f"{np.mean(v):>9.4f} ({np.std(v):.3f})"[-16:].rjust(16) for v in values))
    for row, gain, more in zip(rows, found["human_nll_gain"], found["accuracy_gain"], strict=True):
        lines.append(f"  seed {row['seed']}: {row['chosen']}, human NLL lower by {gain:.4f}, accuracy {more:+.4f}")
        lines += [f"    {order}: {', '.join(listed)}" for order, listed in row["pairs"].items()]
    return "\n".join(lines + [f"  {bar}: {'holds' if held else 'MISSED'}" for bar, held in found["holds"].items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--output", type=Path, help="folder of the fits")
    parser.add_argument("--labels", default="random1,worse")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--smoke", action="store_true", help="generated data, two seeds")
    options = parser.parse_args()
    torch.set_num_threads(1)  # steps of half a millisecond
    folder = None if options.smoke else options.data
    seeds = [0, 1] if options.smoke else [int(seed) for seed in options.seeds.split(",")]
    labels = ["random1"] if options.smoke else options.labels.split(",")
    with tempfile.TemporaryDirectory() as temporary:
        output = options.output or Path(temporary)
        output.mkdir(parents=True, exist_ok=True)
        fits = {label: Fits(folder, label, output) for label in labels}
        selection = {label: select(fits[label], seeds, 2 if options.smoke else None) for label in labels}
        write_once(selection, output / "selection.json")
        results = {}
        for label in labels:
            rows = test(fits[label], selection[label], seeds)
            found = bars(rows)
            print(table(label, rows, found), flush=True)
            results[label] = found | {"seeds": rows}
    holds = all(held for found in results.values() for held in found["holds"].values())
    print(json.dumps({"benchmark": "het_real", "smoke": options.smoke, "labels": results, "holds": holds}))


if __name__ == "__main__":
    main()
