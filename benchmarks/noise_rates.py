"""How often intervals of noise rates hold the truth, and how wide they are, in verified classes and elsewhere.

Command:  OMP_NUM_THREADS=1 python benchmarks/noise_rates.py --output runs/noise_rates   (a part of it:
          --settings, --splits; --smoke: generated data, seconds)
Data:     CIFAR-10N worse (50,000 pictures, both feature sets l2-normalised and joined, 512 columns); tiny120 (30,000
          pictures of 120 classes, 384 columns). The truth of a class: the share of wrong ones among all its labels.
Protocol: split s verifies given classes 0-4 with 250 labels ("cifar10n-250"), five random ones with 1,000, or 60 random
          ones of tiny120 with 500 or 3,000; drawn (a) at random from those classes, (b) by `noisette.planning.propose`
          with the probabilities of an EvidenceVerifier that knows no verification label. Then an EvidenceVerifier is
          fitted, and its label quality and the labels, weighted by 1 / inclusion probability, give the intervals.
          What no verification label touches is prepared once a data set.
          Beside it, with the weights left out: the same, and plain counts (Wilson's interval), which must fail on (b).
Resumes:  a JSON file an arm (setting, draw, split) in --output, and the predictions behind it as .npz.
Bars:     coverage >= .90 of the classes at nominal .95; mean width <= 1.2 x Wilson's (of the unweighted counts) on
          verified classes, <= .25 elsewhere.
Cost:     20-30 CPU seconds an arm of tiny120, and a minute once for what is prepared; one of two cores, no GPU.
Expected: weighted, five splits: coverage .91 or more of verified classes, .92 or more elsewhere; widths .43-.71 x
          Wilson's, elsewhere .18-.245 (.255 over twenty splits with 500 labels of tiny120). Drawn by plan, 1,000 labels
          of CIFAR-10N, unweighted counts cover .44; on tiny120 they do not fail.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from arm_runs import kept_result
from noisette.files import atomic_path
from noisette.functional.detection_metrics import auroc, expected_calibration_error
from noisette.planning import propose
from noisette.planning.label_weights import label_weights
from noisette.scores.intervals import wilson_interval
from noisette.scores.noise_rates import NoiseRates, estimate_noise_rates
from noisette.types import Float32Array, Float64Array, IntArray
from noisette.verifier.evidence.verifier import EvidenceVerifier
from noisette.verifier.inputs import TrainingData
from noisette.verifier.scorer import Arrays

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
DRAWS = ("random", "plan")


@dataclass(frozen=True)
class Setting:
    """Which data, how many classes are verified (random ones, or the first), and with how many labels in all."""

    data: str
    num_classes: int
    num_labels: int
    first_classes: bool = False


SETTINGS = {
    "cifar10n-250": Setting("cifar10n", 5, 250, first_classes=True),
    "cifar10n-1000": Setting("cifar10n", 5, 1000),
    "tiny120-500": Setting("tiny120", 60, 500),
    "tiny120-3000": Setting("tiny120", 60, 3000),
}
SMOKE = {"generated-200": Setting("generated", 6, 200)}


@dataclass(frozen=True, eq=False)
class Data:
    """Features (N, D), given labels (N,), and whether they are correct, (N,) 1 or 0."""

    features: Float32Array
    given: IntArray
    correct: IntArray

    @property
    def num_classes(self) -> int:
        """K."""
        return int(self.given.max()) + 1


def load(name: str, folder: Path) -> Data:
    """Read or make a data set."""
    if name == "generated":
        return generate()
    if name == "tiny120":
        with np.load(folder / "tiny120.npz") as arrays:
            given = arrays["given_label"].astype(np.int64)
            return Data(arrays["features"].astype(np.float32), given, (given == arrays["clean_label"]).astype(np.int64))
    with np.load(folder / "cifar10n_features.npz") as arrays, np.load(folder / "cifar10n_cnn_features.npz") as more:
        given = arrays["label_worse"].astype(np.int64)
        parts = [part.astype(np.float32) for part in (arrays["features"], more["train"])]
        features = np.concatenate([part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts], axis=1)
        return Data(features.astype(np.float32), given, (given == arrays["label_clean"]).astype(np.int64))


def generate(num_classes: int = 12, per_class: int = 150, num_features: int = 16) -> Data:
    """Make Gaussian classes with noise rates between .05 and .45."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(num_classes), per_class)
    features = rng.normal(size=(num_classes, num_features))[truth] + rng.normal(size=(truth.size, num_features))
    wrong = rng.random(truth.size) < np.linspace(0.05, 0.45, num_classes)[truth]
    given = np.where(wrong, (truth + rng.integers(1, num_classes, truth.size)) % num_classes, truth)
    return Data(features.astype(np.float32), given, (given == truth).astype(np.int64))


class Predictor:
    """Fits verifiers on one data set; what no verification label touches is prepared once for all of them."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.context: Arrays | None = None

    def quality(self, verified: IntArray | None) -> Float64Array:
        """Give P(correct) of every label, out of sample."""
        verifier = EvidenceVerifier(random_state=0)
        prepare = verifier._prepare

        def prepare_once(training: TrainingData, seed: int) -> Arrays:
            if self.context is None:
                self.context = prepare(training, seed)
            return dict(self.context)

        verifier._prepare = prepare_once  # type: ignore[method-assign, assignment]
        verifier.fit(self.data.features, self.data.given, verified)
        return verifier.label_quality(self.data.features, self.data.given)


def draw(
    data: Data, setting: Setting, how: str, split: int, unverified_quality: Float64Array
) -> tuple[IntArray, Float64Array]:
    """Choose labels to verify: (N,) verification labels, and the (N,) chances with which they were drawn, else NaN."""
    classes = np.arange(data.num_classes)
    if not setting.first_classes:
        classes = np.random.default_rng(split).permutation(data.num_classes)
    pool = np.flatnonzero(np.isin(data.given, classes[: setting.num_classes]))
    verified, chances = np.full(data.given.size, -1), np.full(data.given.size, np.nan)
    if how == "random":
        rows = np.random.default_rng([split, 1]).choice(pool, setting.num_labels, replace=False)
        chances[rows] = setting.num_labels / pool.size
    else:
        nothing = np.full(pool.size, -1)
        found = propose(
            unverified_quality[pool],
            data.given[pool],
            nothing,
            data.num_classes,
            setting.num_labels,
            random_state=np.random.default_rng([split, 2]),
        )
        rows = pool[found.rows]
        chances[rows] = found.inclusion_probability
    verified[rows] = data.correct[rows]
    return verified, chances


def by_counts(data: Data, verified: IntArray) -> NoiseRates:
    """Give what the labels say without predictions or weights: Wilson's interval of each class with labels."""
    return estimate_noise_rates(data.given, None, verified, data.num_classes, min_verified=1)


def compare(found: NoiseRates, data: Data) -> dict[str, Any]:
    """Compare intervals with the truth: per class whether it is held and how wide the interval is; and the total."""
    truth = np.bincount(data.given, 1 - data.correct, minlength=data.num_classes) / found.num_samples
    total = int((1 - data.correct).sum())
    return {
        "held": ((found.low <= truth) & (truth <= found.high)).tolist(),
        "width": np.round(found.high - found.low, 4).tolist(),
        "error": np.round(np.abs(found.rate - truth), 4).tolist(),
        "total_held": bool(found.total.low <= total <= found.total.high),
        "total_width": round((found.total.high - found.total.low) / data.given.size, 4),
    }


def estimates(data: Data, verified: IntArray, chances: Float64Array, predicted: Float64Array) -> dict[str, Any]:
    """Estimate noise rates in three ways."""
    weights = label_weights(data.given, verified, chances, data.num_classes)

    def estimate(weights: Float64Array | None) -> NoiseRates:
        return estimate_noise_rates(data.given, predicted, verified, data.num_classes, sample_weight=weights)

    counts = by_counts(data, verified)
    low, high = wilson_interval(counts.num_wrong, counts.num_verified)
    elsewhere = counts.num_verified[data.given] == 0
    return {
        "verified": (counts.num_verified > 0).tolist(),
        "wilson": np.round(high - low, 4).tolist(),
        "auroc_elsewhere": auroc(predicted[elsewhere], data.correct[elsewhere]),
        "calibration_error_elsewhere": expected_calibration_error(predicted[elsewhere], data.correct[elsewhere]),
        "weighted": compare(estimate(weights), data),
        "unweighted": compare(estimate(None), data),
        "unweighted counts": compare(counts, data),
    }


def run_arm(
    name: str, setting: Setting, how: str, split: int, make_predictor: Callable[[], Predictor], output: Path | None
) -> dict[str, Any]:
    """Draw, fit, estimate; what is fitted already is read again."""
    predictor = make_predictor()
    data = predictor.data
    before = kept(output, f"{setting.data}-unverified", lambda: predictor.quality(None))
    verified, chances = draw(data, setting, how, split, before)
    start = time.process_time()
    predicted = kept(output, f"{name}-{how}-{split}", lambda: predictor.quality(verified))
    seconds = round(time.process_time() - start, 1)
    about = {"setting": name, "draw": how, "split": split, "seconds": seconds}
    return about | estimates(data, verified, chances, predicted)


def kept(output: Path | None, name: str, make: Callable[[], Float64Array]) -> Float64Array:
    """Read an array from `output`, or make and keep it."""
    path = None if output is None else output / f"{name}.npz"
    if path is not None and path.exists():
        with np.load(path) as arrays:
            return np.asarray(arrays["quality"], dtype=np.float64)
    made = make()
    if path is not None:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, quality=made)
    return made


def _predictor(data: str, folder: Path) -> Predictor:
    return Predictor(load(data, folder))


def results(
    settings: dict[str, Setting], splits: list[int], folder: Path, output: Path | None
) -> Iterator[dict[str, Any]]:
    """Run what is not in `output` yet, data set by data set, split by split; give every result."""
    for data in dict.fromkeys(setting.data for setting in settings.values()):
        predictor = cache(partial(_predictor, data, folder))
        arms = [(n, s) for n, s in settings.items() if s.data == data]
        for split, (name, setting), how in itertools.product(splits, arms, DRAWS):
            path = None if output is None else output / f"{name}-{how}-{split}.json"
            yield kept_result(path, partial(run_arm, name, setting, how, split, predictor, output))


def summarise(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take means over classes and splits: a row for each setting, draw and estimator."""
    rows = []
    for name, how in sorted({(run["setting"], run["draw"]) for run in found}):
        runs = [run for run in found if (run["setting"], run["draw"]) == (name, how)]
        is_verified = np.array([run["verified"] for run in runs])
        wilson = np.array([run["wilson"] for run in runs])[is_verified].mean()
        for estimator in ("weighted", "unweighted", "unweighted counts"):
            held, width, error = (
                np.array([run[estimator][key] for run in runs], dtype=np.float64) for key in ("held", "width", "error")
            )
            row: dict[str, Any] = {"setting": name, "draw": how, "estimator": estimator, "splits": len(runs)}
            row |= {"coverage_verified": held[is_verified].mean(), "wilson_ratio": width[is_verified].mean() / wilson}
            if estimator != "unweighted counts":  # which say nothing of other classes
                row |= {"coverage_elsewhere": held[~is_verified].mean(), "width_elsewhere": width[~is_verified].mean()}
                row |= {"error_elsewhere": error[~is_verified].mean()}
                row |= {"coverage_total": np.mean([run[estimator]["total_held"] for run in runs])}
            for key in ("auroc_elsewhere", "calibration_error_elsewhere", "seconds"):
                row[key] = np.mean([run[key] for run in runs])
            rows.append({key: v if isinstance(v, str | int) else round(float(v), 4) for key, v in row.items()})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Write the summary as plain text."""
    lines = [
        f"{'':<48}{'coverage':^28}{'width':^22}",
        f"{'setting, draw, estimator':<48}{'verified':>9} {'elsewhere':>9} {'total':>6}"
        f"   {'x Wilson':>8} {'elsewhere':>9}{'AUROC':>9}{'calib.':>7}{'seconds':>8}",
    ]
    for row in rows:
        cells = [
            f"{row.get(key, float('nan')):{size}.3f}"
            for key, size in (
                ("coverage_verified", 9),
                ("coverage_elsewhere", 9),
                ("coverage_total", 6),
                ("wilson_ratio", 10),
                ("width_elsewhere", 9),
                ("auroc_elsewhere", 8),
                ("calibration_error_elsewhere", 6),
            )
        ]
        name = f"{row['setting']}, {row['draw']}, {row['estimator']}"
        lines.append(f"{name:<48}{' '.join(cells)}{row['seconds']:8.0f}")
    return "\n".join(lines)


def bars(rows: list[dict[str, Any]]) -> dict[str, bool]:
    """Say of each setting and draw whether the weighted estimator holds and, drawn by plan, plain counts fail."""
    held = {}
    for row in rows:
        name = f"{row['setting']}, {row['draw']}"
        if row["estimator"] == "weighted":
            held[name + ": covers"] = bool(min(row["coverage_verified"], row["coverage_elsewhere"]) >= 0.9)
            held[name + ": narrow in verified classes"] = bool(row["wilson_ratio"] <= 1.2)
            held[name + ": narrow elsewhere"] = bool(row["width_elsewhere"] <= 0.25)
        elif row["estimator"] == "unweighted counts" and row["draw"] == "plan":
            held[name + ": unweighted counts fail"] = bool(row["coverage_verified"] < 0.9)
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the .npz files")
    parser.add_argument("--output", type=Path, help="folder of the results")
    parser.add_argument("--settings", default=",".join(SETTINGS), help="with commas between")
    parser.add_argument("--splits", default="0,1,2,3,4")
    parser.add_argument("--smoke", action="store_true", help="generated data, two splits")
    options = parser.parse_args()
    settings = SMOKE if options.smoke else {name: SETTINGS[name] for name in options.settings.split(",")}
    splits = [0, 1] if options.smoke else [int(split) for split in options.splits.split(",")]
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
    rows = summarise(list(results(settings, splits, options.data, options.output)))
    print(table(rows))
    print(json.dumps({"benchmark": "noise_rates", "smoke": options.smoke, "rows": rows, "bars": bars(rows)}))


if __name__ == "__main__":
    main()
