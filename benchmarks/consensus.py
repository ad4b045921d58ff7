"""What several people say together: CIFAR-10N's three annotators, against cleanlab's consensus in the same run.

Command: OMP_NUM_THREADS=1 python benchmarks/consensus.py --data ../shared/data/cifar10n_features.npz
         python benchmarks/consensus.py --smoke    (seconds, generated data; numbers mean nothing)
Cost: about three minutes of one core.

50,000 pictures, each labelled by three people, 17 to 18 % of whose labels are wrong. Who labelled which picture is not
known in the order of these rows, so the three columns are taken for three raters; reliability can only differ by class.
Twice: with all three labels, and with each label kept at random with probability 1/2, so that pictures have one to
three (those with none are left out of that half). Without a model: votes. With one: probabilities of a softmax
regression on the features, five folds, trained on the votes; the same ones for both sides.
What is measured: share of consensus labels that are the true ones; AUROC of the confidence that says which are; CPU.
What must hold: with a model, and without one, ours is right at least as often as cleanlab's. Measured: it holds with a
model; without one, where half of the labels are gone, cleanlab's vote is ahead by 0.2 percentage points.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from noisette.functional.detection_metrics import auroc
from noisette.scores.agreement import Ratings, fleiss_kappa, majority_consensus, weighted_consensus
from noisette.types import Float64Array, IntArray

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10n_features.npz"
SEED, FOLDS = 0, 5

Answer = tuple[IntArray, Float64Array]
"""Labels (N,), and a confidence (N,), high where they are likely right."""


@dataclass(frozen=True, eq=False)
class Crowd:
    """Labels (N, 3) of three people, -1 where one said nothing; features (N, D); the truth (N,)."""

    labels: IntArray
    features: Float64Array
    truth: IntArray

    @property
    def ratings(self) -> Ratings:
        """Give the labels as a list."""
        rows, raters = np.nonzero(self.labels >= 0)
        return Ratings.of(rows, raters, self.labels[rows, raters], num_samples=len(self.truth))

    def half(self) -> Crowd:
        """Give it with each label kept with probability 1/2."""
        kept = np.random.default_rng(SEED).random(self.labels.shape) < 0.5
        labels = np.where(kept, self.labels, -1)
        rows = np.flatnonzero((labels >= 0).any(axis=1))
        return Crowd(labels[rows], self.features[rows], self.truth[rows])


def read_crowd(path: Path) -> Crowd:
    with np.load(path, allow_pickle=False) as data:
        labels = np.column_stack([data[f"label_random{number}"] for number in (1, 2, 3)]).astype(np.int64)
        return Crowd(labels, data["features"].astype(np.float64), data["label_clean"].astype(np.int64))


def make_crowd(size: int = 600, classes: int = 4) -> Crowd:
    rng = np.random.default_rng(SEED)
    truth = rng.integers(0, classes, size)
    features = rng.normal(size=(classes, 8))[truth] * 1.5 + rng.normal(size=(size, 8))
    wrong = rng.random((size, 3)) < np.array([0.1, 0.2, 0.4])
    labels = np.where(wrong, (truth[:, None] + rng.integers(1, classes, (size, 3))) % classes, truth[:, None])
    return Crowd(labels, features, truth)


def out_of_sample(features: Float64Array, labels: IntArray) -> Float64Array:
    """Give (N, K) probabilities of models that had not seen the row."""
    scaled = StandardScaler().fit_transform(features)
    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(scaled, labels):
        model = LogisticRegression(C=0.01, max_iter=200).fit(scaled[train], labels[train])
        probabilities[test] = model.predict_proba(scaled[test])
    return probabilities


def ours(crowd: Crowd, probabilities: Float64Array | None) -> Answer:
    found = weighted_consensus(crowd.ratings, probabilities)
    return found.labels, found.confidence


def our_vote(crowd: Crowd, _: Float64Array | None) -> Answer:
    found = majority_consensus(crowd.ratings)
    return found.labels, found.confidence


def cleanlab(crowd: Crowd, probabilities: Float64Array | None) -> Answer:
    from cleanlab.multiannotator import get_label_quality_multiannotator, get_majority_vote_label

    labels = np.where(crowd.labels < 0, np.nan, crowd.labels.astype(np.float64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if probabilities is None:
            vote = np.asarray(get_majority_vote_label(labels)).astype(np.int64)
            given = crowd.labels >= 0
            return vote, ((crowd.labels == vote[:, None]) & given).sum(axis=1) / given.sum(axis=1)
        found = get_label_quality_multiannotator(labels, probabilities, verbose=False)["label_quality"]
    return found["consensus_label"].to_numpy().astype(np.int64), found["consensus_quality_score"].to_numpy()


ARMS: dict[str, tuple[Callable[[Crowd, Float64Array | None], Answer], bool]] = {
    "cleanlab, vote": (cleanlab, False),
    "ours, vote": (our_vote, False),
    "ours, weighted": (ours, False),
    "cleanlab, with a model": (cleanlab, True),
    "ours, with a model": (ours, True),
}


def has_cleanlab() -> bool:
    if find_spec("cleanlab") is not None:
        return True
    print("cleanlab is left out: it is not installed (pip install noisette[bench])")
    return False


def measure(name: str, crowd: Crowd) -> dict[str, dict[str, float]]:
    kappa = fleiss_kappa(crowd.ratings.counts())
    probabilities = out_of_sample(crowd.features, majority_consensus(crowd.ratings).labels)
    right = (probabilities.argmax(axis=1) == crowd.truth).mean()
    mean = (crowd.labels >= 0).sum(axis=1).mean()
    print(f"\n{name}: {len(crowd.truth)} pictures, {mean:.2f} labels each, kappa {kappa:.3f}; model right {right:.4f}")
    print(f"{'':<26}{'right':>9}{'AUROC':>9}{'CPU s':>9}")
    results = {}
    for arm, (method, with_model) in ARMS.items():
        if method is cleanlab and not has_cleanlab():
            continue
        start = time.process_time()
        labels, confidence = method(crowd, probabilities if with_model else None)
        cpu = time.process_time() - start
        is_right = labels == crowd.truth
        found = {"right": float(is_right.mean()), "auroc": auroc(confidence, is_right), "cpu": round(cpu, 2)}
        results[arm] = found
        print(f"{arm:<26}{found['right']:>9.4f}{found['auroc']:>9.4f}{found['cpu']:>9.2f}", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="cifar10n_features.npz")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    crowd = make_crowd() if options.smoke else read_crowd(options.data)
    results = {name: measure(name, part) for name, part in {"all labels": crowd, "half of them": crowd.half()}.items()}
    pairs = {"without a model": ("ours, weighted", "cleanlab, vote")}
    pairs["with a model"] = "ours, with a model", "cleanlab, with a model"
    holds = {
        name: {
            how: part[mine]["right"] >= part[theirs]["right"] for how, (mine, theirs) in pairs.items() if theirs in part
        }
        for name, part in results.items()
    }
    print(json.dumps({"benchmark": "consensus", "smoke": options.smoke, "results": results, "holds": holds}))


if __name__ == "__main__":
    main()
