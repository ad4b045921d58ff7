"""How few verified labels the evidence verifier needs: seven cases on real label errors, cleanlab in the same run.

Command:  OMP_NUM_THREADS=1 python benchmarks/evidence.py --data ../shared/data --output runs/evidence
          (--cases A,B: a part of it; --cost: CPU seconds against cleanlab's CleanLearning; --smoke: generated data)
Data:     CIFAR-10N (human labels "worse", "aggre", "random1"), two feature sets of length 1 side by side, (50000, 512);
          tiny120.npz, (30000, 384).
Protocol: labels are drawn from the verified given-classes at random; measured on all samples of the other classes, with
          the threshold that each method chooses itself. Error is the mean over classes, AUROC is pooled.
Rivals:   cleanlab's self-confidence from five-fold logistic regression, threshold chosen on the same verified labels;
          the average baseline; on tiny120 also the network's own softmax probability of the given label.
Resumes:  each (case, split) and each rival's probabilities are a file in --output.
Shared:   what is known without verification labels, evidence of all rows included, is made once a case.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax

from arm_runs import kept_result
from noisette.files import atomic_path
from noisette.functional.detection_metrics import auroc, average_error_rate
from noisette.scores.thresholds import choose_threshold
from noisette.types import BoolArray, Float32Array, Float64Array, IntArray
from noisette.verifier.baselines.average import AverageVerifier
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.evidence.batch import make_batch
from noisette.verifier.evidence.context import index_of
from noisette.verifier.evidence.measures import label_evidence
from noisette.verifier.evidence.scorer import EvidenceScorer
from noisette.verifier.evidence.verifier import EvidenceVerifier
from noisette.verifier.inputs import Query
from noisette.verifier.scorer import Arrays

NUM_BINS, BLOCK = 15, 4096


@dataclass(frozen=True, eq=False)
class Data:
    """Features (N, D), given labels (N,), their truth (N,), and the network's log-odds of the given label, if any."""

    features: Float32Array
    given: IntArray
    target: IntArray
    network: Float64Array | None = None


@dataclass(frozen=True)
class Case:
    """What is verified, and the bars: figure -> (at least, at most)."""

    data: str
    draw: Callable[[IntArray, int], IntArray]
    num_labels: int
    splits: int
    bars: dict[str, tuple[float, float]]


def first_half(given: IntArray, split: int) -> IntArray:  # noqa: ARG001 - the classes are the same in every split
    return np.arange((int(given.max()) + 1) // 2)


def random_half(given: IntArray, split: int) -> IntArray:
    num_classes = int(given.max()) + 1
    return np.random.default_rng(split).permutation(num_classes)[: num_classes // 2]


def one_class(given: IntArray, split: int) -> IntArray:
    return np.array([split % (int(given.max()) + 1)])


LOW = -np.inf
CASES = {
    "worse-0-4": Case("worse", first_half, 250, 10, {"auroc": (0.953, 1), "error": (LOW, 0.111)}),
    "worse-five": Case("worse", random_half, 1000, 20, {"auroc": (0.950, 1), "error": (LOW, 0.122)}),
    "worse-one": Case("worse", one_class, 250, 10, {"error": (LOW, 0.135)}),
    "worse-none": Case("worse", one_class, 0, 1, {"auroc": (0.936, 1)}),
    "aggre-0-4": Case("aggre", first_half, 250, 5, {"error": (LOW, 0.060)}),
    "random1-0-4": Case("random1", first_half, 250, 5, {"error": (LOW, 0.085)}),
    "tiny120": Case(
        "tiny120",
        random_half,
        500,
        5,
        {"auroc_over_average": (0.03, 1), "auroc_over_classifiers": (0.01, 1), "calibration_error": (LOW, 0.03)},
    ),
}


@cache
def load(name: str, folder: Path | None) -> Data:
    """Read a data set; without a folder, generate a small one."""
    if folder is None:
        return generate(12 if name == "tiny120" else 10)
    if name == "tiny120":
        with np.load(folder / "tiny120.npz") as arrays:
            given = arrays["given_label"].astype(np.int64)
            own = log_softmax(arrays["logits"].astype(np.float64), axis=1)[np.arange(given.size), given]
            features = arrays["features"].astype(np.float32)
            return Data(features, given, (given == arrays["clean_label"]).astype(np.int64), own)
    with np.load(folder / "cifar10n_features.npz") as one, np.load(folder / "cifar10n_cnn_features.npz") as two:
        parts = [unit_rows(one["features"].astype(np.float32)), unit_rows(two["train"].astype(np.float32))]
        given = one[f"label_{name}"].astype(np.int64)
        return Data(np.concatenate(parts, axis=1), given, (given == one["label_clean"]).astype(np.int64))


def generate(num_classes: int, per_class: int = 40, num_features: int = 16) -> Data:
    """Make Gaussian classes of which a quarter of the labels are wrong."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(num_classes), per_class)
    features = rng.normal(size=(num_classes, num_features))[truth] + rng.normal(size=(truth.size, num_features))
    wrong = rng.random(truth.size) < 0.25
    given = np.where(wrong, (truth + rng.integers(1, num_classes, truth.size)) % num_classes, truth)
    return Data(features.astype(np.float32), given, (given == truth).astype(np.int64))


def logistic_probabilities(name: str, data: Data, output: Path) -> Float64Array:
    """Give what cleanlab is given: five-fold probabilities of scikit-learn's logistic regression, (N, K)."""
    path = output / f"probabilities-{name}.npy"
    if not path.exists():
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_predict

        print(f"five-fold logistic regression on {name} ...", flush=True)
        model = LogisticRegression(max_iter=1000)
        probs = cross_val_predict(model, data.features, data.given, cv=5, method="predict_proba")
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, probs.astype(np.float32))
    found: Float64Array = np.load(path).astype(np.float64)
    return found


class Splits:
    """Runs the splits of a case; the verifier's context is made once."""

    def __init__(self, name: str, case: Case, data: Data, output: Path) -> None:
        self.name, self.case, self.data, self.output = name, case, data, output
        self.context: Arrays | None = None
        self.rivals: dict[str, Float64Array] = {}
        self.evidence: dict[int, Float64Array] = {}

    def results(self, splits: int) -> Iterator[dict[str, Any]]:
        """Run what is not in `output` yet."""
        for split in range(splits):
            yield kept_result(self.output / f"{self.name}-{split}.json", partial(self.run, split))

    def run(self, split: int) -> dict[str, Any]:
        """Fit on one split, and measure on the classes that are left out (all rows, if nothing is verified)."""
        data, classes = self.data, self.case.draw(self.data.given, split)
        labels, rng = np.full(data.given.size, -1), np.random.default_rng([split, 7])
        inside = rng.permutation(np.flatnonzero(np.isin(data.given, classes)))
        chosen = inside[: min(self.case.num_labels, inside.size // 2)]
        labels[chosen] = data.target[chosen]
        rows = np.flatnonzero(~np.isin(data.given, classes)) if chosen.size else np.arange(labels.size)
        verifier = self._fitted(labels)
        found = {"evidence": self._measure(*self._answers(verifier, rows), rows)}
        for rival, scores in self._scores_of_rivals().items():
            threshold = choose_threshold(scores[chosen], labels[chosen], data.given[chosen]) if chosen.size else LOW
            found[rival] = self._measure(scores[rows], scores[rows] >= threshold, None, rows)
        everything = np.ones(rows.size, dtype=np.bool_)
        found["naive"] = {"error": average_error_rate(everything, data.target[rows], data.given[rows])}
        return {"case": self.name, "split": split, "arms": found}

    def _fitted(self, labels: IntArray) -> EvidenceVerifier:
        verifier = EvidenceVerifier(random_state=0)
        if self.context is None:
            make = verifier._prepare

            def keep(*arguments: Any) -> Arrays:
                self.context = make(*arguments)
                return dict(self.context)

            verifier._prepare = keep  # type: ignore[method-assign, assignment]
        else:
            verifier._prepare = lambda *_: dict(self.context or {})  # type: ignore[method-assign]
        verifier.fit(self.data.features, self.data.given, labels)
        return verifier

    def _answers(
        self, verifier: EvidenceVerifier, rows: IntArray
    ) -> tuple[Float64Array, BoolArray, Float64Array | None]:
        """Score rows that were never verified, from evidence that is measured once a stage; a part is checked."""
        scorer, given = verifier.models.full, self.data.given[rows]
        assert isinstance(scorer, EvidenceScorer)
        evidence = self._evidence(scorer.context)[rows]
        scores = np.einsum("be,be->b", evidence, scorer.class_weights[given]) + scorer.intercepts[given]
        part = verifier.score_samples(self.data.features[rows[:500]], given[:500])
        # Products of other batches differ in last bits, by which two equally near neighbours may change places.
        assert np.isclose(scores[:500], part, rtol=1e-4, atol=1e-4).mean() >= 0.99
        return scores, verifier.verdict_of_scores(scores), verifier.quality_of_scores(scores)

    def _evidence(self, context: Arrays) -> Float64Array:
        stage = id(context["channel"])
        if stage not in self.evidence:
            index, parts = index_of(context), []
            for start in range(0, self.data.given.size, BLOCK):
                part = slice(start, start + BLOCK)
                batch = make_batch(Query(self.data.features[part], self.data.given[part]), index)
                parts.append(label_evidence(batch, context))
            self.evidence[stage] = np.concatenate(parts)
        return self.evidence[stage]

    def _scores_of_rivals(self) -> dict[str, Float64Array]:
        """Scores of all rows by methods in which no verification label takes part."""
        if not self.rivals:
            data = self.data
            self.rivals["average"] = (
                AverageVerifier().fit(data.features, data.given).score_samples(data.features, data.given)
            )
            probs = logistic_probabilities(self.case.data, data, self.output)
            self.rivals["cleanlab"] = cleanlab_scores(data.given, probs)
            if data.network is not None:
                self.rivals["network"] = data.network
        return self.rivals

    def _measure(
        self, scores: Float64Array, verdict: BoolArray, quality: Float64Array | None, rows: IntArray
    ) -> dict[str, float]:
        target, given = self.data.target[rows], self.data.given[rows]
        found = {"auroc": auroc(scores, target), "error": average_error_rate(verdict, target, given)}
        if quality is not None:
            bins = np.minimum((quality * NUM_BINS).astype(np.int64), NUM_BINS - 1)
            gaps = np.bincount(bins, quality - target, minlength=NUM_BINS)
            found["calibration_error"] = float(np.abs(gaps).sum() / rows.size)
        return found


def cleanlab_scores(given: IntArray, probs: Float64Array) -> Float64Array:
    """Self-confidence by cleanlab; its own formula where cleanlab is not installed."""
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        print("cleanlab is not installed (pip install noisette[bench]): p[given] by hand")
        own: Float64Array = probs[np.arange(given.size), given]
        return own
    return np.asarray(get_label_quality_scores(given, probs, method="self_confidence"), dtype=np.float64)


def summary(case: Case, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and spread over the splits, and whether the bars hold on the means."""
    arms: dict[str, Any] = {}
    for arm in found[0]["arms"]:
        figures = found[0]["arms"][arm]
        values = {figure: [run["arms"][arm][figure] for run in found] for figure in figures}
        arms[arm] = {f: {"mean": float(np.mean(v)), "sd": float(np.std(v))} for f, v in values.items()}
    means = {figure: value["mean"] for figure, value in arms["evidence"].items()}
    if "average" in arms:
        means["auroc_over_average"] = means["auroc"] - arms["average"]["auroc"]["mean"]
        best = max(arms[name]["auroc"]["mean"] for name in ("cleanlab", "network") if name in arms)
        means["auroc_over_classifiers"] = means["auroc"] - best
    bars = {
        figure: {"value": means[figure], "wanted": f">= {low}" if low > LOW else f"<= {high}"}
        | {"holds": bool(low <= means[figure] <= high)}
        for figure, (low, high) in case.bars.items()
    }
    return {"splits": len(found), "arms": arms, "bars": bars}


def table(name: str, result: dict[str, Any]) -> str:
    """Write one case as plain text."""
    lines = [f"{name}  ({result['splits']} splits; held out: mean (sd))"]
    for arm, figures in result["arms"].items():
        parts = [f"{figure} {value['mean']:.4f} ({value['sd']:.4f})" for figure, value in figures.items()]
        lines.append(f"  {arm:<10}" + "  ".join(parts))
    for figure, bar in result["bars"].items():
        verdict = "holds" if bar["holds"] else "MISSED"
        lines.append(f"  bar: {figure} {bar['value']:.4f} {bar['wanted']}: {verdict}")
    return "\n".join(lines)


def cost(data: Data) -> dict[str, Any]:
    """CPU seconds to fit and score every row, with and without rounds, against cleanlab's CleanLearning."""
    from cleanlab.classification import CleanLearning
    from sklearn.linear_model import LogisticRegression

    labels, rows = np.full(data.given.size, -1), np.flatnonzero(data.given < (data.given.max() + 1) // 2)
    chosen = np.random.default_rng(0).permutation(rows)[:250]
    labels[chosen] = data.target[chosen]

    def timed(run: Callable[[], Float64Array]) -> dict[str, float]:
        start = time.process_time()
        scores = run()
        seconds = time.process_time() - start
        return {"cpu_seconds": round(seconds, 1), "auroc": float(auroc(scores[labels < 0], data.target[labels < 0]))}

    def ours(rounds: int) -> Float64Array:
        verifier = EvidenceVerifier(random_state=0, max_rounds=rounds).fit(data.features, data.given, labels)
        return verifier.score_samples(data.features, data.given)

    def theirs() -> Float64Array:
        model = CleanLearning(LogisticRegression(max_iter=1000), cv_n_folds=5)
        return np.asarray(model.find_label_issues(data.features, data.given)["label_quality"], dtype=np.float64)

    def told(name: str, row: dict[str, Any]) -> dict[str, Any]:
        print(f"cost  {name:<11}" + "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        return row

    found: dict[str, Any] = {"cleanlab": told("cleanlab", timed(theirs))}
    for name, rounds, bar in (("no rounds", 0, 1.5), ("two rounds", 2, 3.0), ("all rounds", 14, 3.0)):
        row: dict[str, Any] = timed(partial(ours, rounds))
        ratio = row["cpu_seconds"] / max(found["cleanlab"]["cpu_seconds"], 0.1)
        found[name] = told(name, row | {"ratio": round(ratio, 3), "bar": bar, "holds": ratio <= bar})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--output", type=Path, help="folder of the results, one JSON file each")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--cost", action="store_true", help="CPU seconds only")
    parser.add_argument("--smoke", action="store_true", help="generated data, two splits")
    options = parser.parse_args()
    folder = None if options.smoke else options.data
    result: dict[str, Any] = {"benchmark": "evidence", "smoke": options.smoke}
    if options.cost:
        print(json.dumps(result | {"cost": cost(load("worse", folder))}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        output = options.output or Path(temporary)
        output.mkdir(parents=True, exist_ok=True)
        cases = {}
        for name in options.cases.split(","):
            case = CASES[name]
            splits = min(2, case.splits) if options.smoke else case.splits
            found = list(Splits(name, case, load(case.data, folder), output).results(splits))
            cases[name] = summary(case, found)
            print(table(name, cases[name]), flush=True)
    holds = all(bar["holds"] for case in cases.values() for bar in case["bars"].values())
    print(json.dumps(result | {"cases": cases, "holds": holds}))


if __name__ == "__main__":
    main()
