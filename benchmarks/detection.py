"""Finding wrong labels in classes with verification labels, and in classes without: all verifiers side by side.

Command:  OMP_NUM_THREADS=1 python benchmarks/detection.py --output runs/detection   (--arms, --splits: a part of it;
          --smoke: generated data, seconds)
Data:     tiny120.npz: 30,000 photographs of 120 classes, features (30000, 384) of a network trained on noisy labels.
Protocol: 5 splits; split s verifies 60 classes, default_rng(s).permutation(120)[:60], with 100 labels each. Measured on
          all rows whose verification label was not used: those of the 60 classes ("inside") and of the other 60 ("held
          out"). AUROC is pooled over samples; error is the mean over classes at the threshold the verifier chose.
Resumes:  each (verifier, split) is one JSON file in --output; one with the same settings is not run again.
Bars:     cleannet - average: inside >= +.04 AUROC, held out >= -.003, on the mean of the splits.
Hardware: one of two CPU cores, no GPU; torch 2.13, numpy 2.4, scikit-learn 1.9.
Cost:     seconds a split: naive, average 0.1; knn 3; svm 4; label-* 7; filtering, cleanlab 12; drae 14; mlp 16 (385 in
          all for 5 splits); cleannet 78 (six networks), its published recipe 139 (one network, threshold 0.1).
Expected: mean (sd) over the splits        AUROC inside   AUROC held out  error inside   error held out
          naive                            .5000          .5000           .2538 (.0102)  .2439 (.0090)
          average                          .8364 (.0132)  .8360 (.0136)   .1874 (.0132)  .1821 (.0120)
          filtering                        .8546 (.0094)  .8557 (.0098)   .1830 (.0109)  .1784 (.0103)
          drae                             .8140 (.0124)  .8113 (.0137)   .2124 (.0126)  .2161 (.0116)
          label-propagation                .8443 (.0099)  .6996 (.0092)   .1856 (.0102)  .2384 (.0072)
          label-spreading                  .8429 (.0090)  .7226 (.0148)   .1871 (.0104)  .2272 (.0085)
          knn                              .8533 (.0100)  .7286 (.0143)   .1774 (.0099)  .2267 (.0124)
          svm                              .8792 (.0044)  .8196 (.0168)   .1640 (.0052)  .1879 (.0135)
          mlp                              .8408 (.0063)  .7652 (.0155)   .1741 (.0081)  .2344 (.0065)
          cleannet                         .8823 (.0073)  .8465 (.0115)   .1670 (.0106)  .1847 (.0097)
          cleannet, published recipe       .8507 (.0097)  .7506 (.0156)   .1848 (.0109)  .2217 (.0141)
          cleanlab self-confidence         .8516 (.0109)  .8507 (.0113)   .1859 (.0127)  .1804 (.0106)
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from arm_runs import kept_result
from noisette.scores.thresholds import FIXED_THRESHOLDS, choose_threshold
from noisette.types import Float32Array, Float64Array, IntArray
from noisette.verifier.base import Verifier
from noisette.verifier.evaluation import evaluate_scores
from noisette.verifier.inputs import Query, check_training_data
from noisette.verifier.saving import VERIFIERS, verifier_class

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "tiny120.npz"
RIVAL = "cleanlab self-confidence"
PAPER = "cleannet, published recipe"
LABELS_PER_CLASS = 100


@dataclass(frozen=True, eq=False)
class Data:
    """Features (N, D), given labels and the truth about them: 1 = correct, 0 = mislabelled, both (N,)."""

    features: Float32Array
    given: IntArray
    target: IntArray

    @property
    def num_classes(self) -> int:
        """K."""
        return int(self.given.max()) + 1


def load(path: Path) -> Data:
    """Read tiny120.npz."""
    with np.load(path) as arrays:
        given = arrays["given_label"].astype(np.int64)
        target = (given == arrays["clean_label"]).astype(np.int64)
        return Data(arrays["features"].astype(np.float32), given, target)


def generate(num_classes: int = 12, per_class: int = 40, num_features: int = 16) -> Data:
    """Make Gaussian classes of which a quarter of the labels are wrong."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(num_classes), per_class)
    features = rng.normal(size=(num_classes, num_features))[truth] + rng.normal(size=(truth.size, num_features))
    wrong = rng.random(truth.size) < 0.25
    given = np.where(wrong, (truth + rng.integers(1, num_classes, truth.size)) % num_classes, truth)
    return Data(features.astype(np.float32), given, (given == truth).astype(np.int64))


def verification(data: Data, split: int) -> IntArray:
    """Verify labels of half of the classes: (N,) 1, 0, or -1."""
    classes = np.random.default_rng(split).permutation(data.num_classes)[: data.num_classes // 2]
    rng = np.random.default_rng([split, 1])
    labels = np.full(data.given.size, -1)
    for label in np.sort(classes):
        rows = rng.permutation(np.flatnonzero(data.given == label))
        # At most half of the class, so that small generated classes keep rows to measure on.
        chosen = rows[: min(LABELS_PER_CLASS, rows.size // 2)]
        labels[chosen] = data.target[chosen]
    return labels


def make(arm: str, split: int, smoke: bool) -> Verifier:
    """Give the unfitted verifier of an arm."""
    if not arm.startswith("cleannet"):
        name = "filtering" if arm == RIVAL else arm
        small: dict[str, dict[str, Any]] = {"drae": {"num_epochs": 5}, "mlp": {"max_epochs": 5}}
        return verifier_class(name)(random_state=split, **(small.get(name, {}) if smoke else {}))
    from noisette.verifier.cleannet.recipe import as_recipe
    from noisette.verifier.cleannet.verifier import CleanNetVerifier

    recipe = as_recipe("paper" if arm == PAPER else "default")
    if arm == PAPER:
        recipe = replace(recipe, num_steps=3000)
    if smoke:
        recipe = replace(recipe, num_steps=10, validation_interval=10)
    return CleanNetVerifier(recipe=recipe, random_state=split)


def cleanlab_scores(verifier: Verifier, data: Data, labels: IntArray) -> tuple[Float64Array, float]:
    """Score by cleanlab from cross-validated probabilities; the threshold is chosen on the labels used, as for all."""
    from cleanlab.rank import get_label_quality_scores

    from noisette.verifier.baselines.linear_models import linear_probabilities
    from noisette.verifier.folds import row_hashes

    probs = linear_probabilities(data.features, row_hashes(data.features), verifier.context)
    scores = get_label_quality_scores(data.given, probs, method="self_confidence").astype(np.float64)
    used = labels >= 0
    return scores, choose_threshold(scores[used], labels[used], data.given[used])


def published_scores(verifier: Verifier, data: Data, labels: IntArray, seed: int) -> Float64Array:
    """Score by one network fitted on all verified labels: folds of the published recipe would take six times as long.

    All rows that are measured were never verified, so this is the model that a whole `fit` would ask too.
    """
    training = check_training_data(data.features, data.given, labels, None, None, None)
    context = verifier._prepare(training, seed)
    verifier._tune(context, training, [])
    scorer = verifier._fit_scorer(context, training, training.pairs(), seed)
    return scorer.score(Query(data.features, data.given))


def run_arm(arm: str, verifier: Verifier, data: Data, split: int) -> dict[str, Any]:
    """Fit one verifier on one split and measure it."""
    labels = verification(data, split)
    start = time.process_time()
    if arm == PAPER:
        scores, threshold = published_scores(verifier, data, labels, split), FIXED_THRESHOLDS[0]
    elif arm == RIVAL:
        verifier.fit(data.features, data.given, labels)
        scores, threshold = cleanlab_scores(verifier, data, labels)
    else:
        verifier.fit(data.features, data.given, labels)
        scores = verifier.score_samples(data.features, data.given)
        assert verifier.rules.threshold is not None
        threshold = verifier.rules.threshold
    seconds = time.process_time() - start
    verified = np.unique(data.given[labels >= 0])
    inside = np.flatnonzero((labels < 0) & np.isin(data.given, verified))
    held_out = np.flatnonzero(~np.isin(data.given, verified))

    def measure(rows: IntArray, at: float) -> dict[str, Any]:
        return asdict(evaluate_scores(arm, scores[rows], data.target[rows], data.given[rows], at))

    fixed = FIXED_THRESHOLDS if arm.startswith("cleannet") else ()
    return {
        "inside": measure(inside, threshold),
        "held_out": measure(held_out, threshold),
        "fixed": {
            str(at): [measure(inside, at)["average_error"], measure(held_out, at)["average_error"]] for at in fixed
        },
        "seconds": round(seconds, 1),
    }


def results(
    arms: list[str], splits: list[int], data: Data, output: Path | None, smoke: bool
) -> Iterator[dict[str, Any]]:
    """Run what is not in `output` yet, split by split; give every result."""
    for split in splits:
        for arm in arms:
            verifier = make(arm, split, smoke)
            about = {"arm": arm, "split": split, "settings": verifier.settings()}
            path = None if output is None else output / f"{arm.replace(' ', '-').replace(',', '')}-{split}.json"
            yield kept_result(path, partial(run_arm, arm, verifier, data, split), about=about)


def summary(found: list[dict[str, Any]], splits: list[int]) -> dict[str, dict[str, Any]]:
    """Bring the results together, arm by arm; differences to the average baseline are taken split by split."""
    by_arm: dict[str, dict[int, dict[str, Any]]] = {}
    for result in found:
        by_arm.setdefault(result["arm"], {})[result["split"]] = result
    base = by_arm.get("average", {})
    arms = {}
    for arm, runs in by_arm.items():
        arms[arm] = {
            "seconds": float(np.mean([runs[s]["seconds"] for s in splits])),
            "fixed": {
                at: np.mean([runs[s]["fixed"][at] for s in splits], axis=0).tolist() for at in runs[splits[0]]["fixed"]
            },
        }
        for part in ("inside", "held_out"):
            for figure in ("auroc", "average_error"):
                values = [runs[s][part][figure] for s in splits]
                arms[arm][f"{figure}_{part}"] = float(np.mean(values))
                arms[arm][f"{figure}_{part}_sd"] = float(np.std(values, ddof=1)) if len(splits) > 1 else 0.0
                if base:
                    gains = [value - base[s][part][figure] for s, value in zip(splits, values, strict=True)]
                    arms[arm][f"{figure}_{part}_minus_average"] = [round(gain, 4) for gain in gains]
    return arms


def table(arms: dict[str, dict[str, Any]]) -> str:
    """Write the summary as plain text."""
    two = f"{'inside':^16}{'held out':^16}"
    lines = [
        f"{'':<28}{'----- AUROC, mean (sd) -----':^32}  {'AUROC - average':^17}  {'----- error, mean (sd) -----':^32}",
        f"{'verifier':<28}{two}  {'inside':>8} {'held out':>8}  {two}{'seconds':>8}",
    ]
    for arm, row in arms.items():
        auroc = "".join(f"{row[f'auroc_{p}']:7.4f} ({row[f'auroc_{p}_sd']:.4f})" for p in ("inside", "held_out"))
        gains = [row.get(f"auroc_{p}_minus_average", [float("nan")]) for p in ("inside", "held_out")]
        gain = " ".join(f"{np.mean(g):+8.4f}" for g in gains)
        error = "".join(
            f"{row[f'average_error_{p}']:7.4f} ({row[f'average_error_{p}_sd']:.4f})" for p in ("inside", "held_out")
        )
        lines.append(f"{arm:<28}{auroc}  {gain}  {error}{row['seconds']:8.1f}")
        for at, (inside, held_out) in row["fixed"].items():
            lines.append(f"{'  threshold ' + at:<28}{'':52}{inside:7.4f}{'':9}{held_out:7.4f}")
    return "\n".join(lines)


def differences(arms: dict[str, dict[str, Any]], splits: list[int]) -> str:
    """Write the AUROC differences to the average baseline split by split."""
    lines = [f"AUROC - average by split {splits}: inside | held out"]
    for arm, row in arms.items():
        parts = [row.get(f"auroc_{p}_minus_average", []) for p in ("inside", "held_out")]
        lines.append(f"{arm:<28}" + " | ".join(" ".join(f"{gain:+.4f}" for gain in part) for part in parts))
    return "\n".join(lines)


def known_arms() -> list[str]:
    """Name every arm that can run here."""
    arms = [*VERIFIERS, PAPER]
    try:
        import cleanlab  # noqa: F401
    except ImportError:
        print(f"{RIVAL} is left out: cleanlab is not installed (pip install noisette[bench])")
        return arms
    return [*arms, RIVAL]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path, help="folder of the results, one JSON file each")
    parser.add_argument("--arms", help="comma-separated; '+' for ', ' in a name; all of them without this option")
    parser.add_argument("--splits", default="0,1,2,3,4")
    parser.add_argument("--smoke", action="store_true", help="generated data, two splits, few steps")
    options = parser.parse_args()
    arms = known_arms() if options.arms is None else [arm.replace("+", ", ") for arm in options.arms.split(",")]
    splits = [0, 1] if options.smoke else [int(split) for split in options.splits.split(",")]
    data = generate() if options.smoke else load(options.data)
    found = list(results(arms, splits, data, options.output, options.smoke))
    arms_summary = summary(found, splits)
    print(table(arms_summary))
    print()
    print(differences(arms_summary, splits))
    print(json.dumps({"benchmark": "detection", "smoke": options.smoke, "splits": splits, "arms": arms_summary}))


if __name__ == "__main__":
    main()
