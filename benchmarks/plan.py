"""How fast the error falls with the number of verified labels: chosen by `plan`, at random, or where most uncertain.

Command: OMP_NUM_THREADS=1 python benchmarks/plan.py --cache runs/plan/evidence --output runs/plan
Cost: six minutes of one core for the evidence, then a second or two a replay (2 data sets x 4 arms x 20 seeds).

Verification is replayed on CIFAR-10N "worse" (50,000 labels, 40 % wrong; both feature sets, each row of length 1, side
by side) and on 120 classes of photographs (30,000 labels, 25 % wrong). Rounds end at 25, 50, 100, 200, 400 and 800
labels; each is proposed from the scores of the learner fitted on the labels so far, the first from the unsupervised
score. The evidence needs no verification label, so it is measured once and kept in --cache; its learner is fitted anew
each round, and its verdict is "correct" where P(correct) >= 1/2.

Error: the share of wrong verdicts among the labels that nobody verified. Also kept: among all labels, those verified
being right, and among all labels by the learner alone. Area: under the error over log2(labels), divided by its width.

Arms: `random` from all labels; `uncertainty`, the labels with P(correct) nearest 1/2; `plan` (a fifth of it random);
`plan-weighted`, the same with a learner that counts each label by 1 / its chance.
What must hold on both data sets: the error of `plan` at 200 labels is at most that of `random` at 400, and the paired
95 % interval (t, over seeds) of the difference of their areas lies below 0. --smoke makes small data of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit
from scipy.stats import t as student

import noisette.planning
import noisette.verifier.evidence
from arm_runs import kept_result
from noisette.files import atomic_path
from noisette.planning import propose
from noisette.types import BoolArray, Float32Array, Float64Array, IntArray, silent
from noisette.verifier.evidence.batch import make_batch
from noisette.verifier.evidence.context import index_of, make_context, population_of, stage_names, stage_of
from noisette.verifier.evidence.learner import Population, fit_weights, prior_weights
from noisette.verifier.evidence.measures import label_evidence, with_copies
from noisette.verifier.evidence.verifier import EvidenceVerifier
from noisette.verifier.inputs import Query, check_training_data

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
BUDGETS = (25, 50, 100, 200, 400, 800)
ARMS = ("random", "uncertainty", "plan", "plan-weighted")
KINDS = ("unverified", "all", "learner")
BLOCK = 2000


@dataclass(frozen=True, eq=False)
class Replay:
    """A data set: evidence (N, E), its center, scale and prior weights (3, E), and (N,) given labels, and the truth."""

    name: str
    evidence: Float64Array
    population: Float64Array
    given: IntArray
    target: IntArray
    about: str


# The two places that know the evidence verifier


def measure_evidence(features: Float32Array, given: IntArray) -> dict[str, Float64Array]:
    """Give the evidence (N, E), and the learner's `Population` as an array (3, E).

    Evidence of the last stage, which `fit` takes unless classes left out among the verified ones speak against it.
    """
    data, verifier = check_training_data(features, given, None, None, None, None), EvidenceVerifier()
    penalty, rounds = verifier.inverse_penalty, verifier.max_rounds
    context = make_context(data, inverse_penalty=penalty, max_rounds=rounds, seed=0, progress=silent)
    context = stage_of(context, stage_names(context)[-1])
    index, evidence = index_of(context), []
    for start in range(0, len(given), BLOCK):
        part = slice(start, start + BLOCK)
        batch = make_batch(Query(features[part], given[part]), index)
        evidence.append(with_copies(label_evidence(batch, context), given[part], context))
    population = population_of(context)
    return {
        "evidence": np.concatenate(evidence),
        "population": np.stack([population.center, population.scale, population.prior]),
    }


def log_odds(data: Replay, rows: IntArray, sample_weight: Float64Array | None) -> Float64Array:
    """Give the log-odds (N,) of being correct, learned from the verified `rows`; the prior's, without both kinds."""
    targets, population = data.target[rows], Population(*data.population)
    if np.unique(targets).size < 2:
        weights = prior_weights(population)
    else:
        weights = fit_weights(data.evidence[rows], targets, EvidenceVerifier().penalty, population, sample_weight)
    scores: Float64Array = data.evidence @ weights[:-1] + weights[-1]
    return scores


# Data


def load(name: str, folder: Path) -> tuple[Float32Array, IntArray, IntArray]:
    """Read features (N, D), given labels (N,), and whether they are correct (N,)."""
    if name == "tiny120":
        with np.load(folder / "tiny120.npz") as found:
            given, truth = found["given_label"].astype(np.int64), found["clean_label"]
            return found["features"].astype(np.float32), given, (given == truth).astype(np.int64)
    with np.load(folder / "cifar10n_features.npz") as found, np.load(folder / "cifar10n_cnn_features.npz") as own:
        given, truth = found["label_worse"].astype(np.int64), found["label_clean"]
        parts = [part.astype(np.float32) for part in (found["features"], own["train"])]
    features = np.concatenate([part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts], axis=1)
    return features, given, (given == truth).astype(np.int64)


def generate() -> tuple[Float32Array, IntArray, IntArray]:
    """Make 12 Gaussian classes of which a quarter of the labels are wrong."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(12), 150)
    features = rng.normal(size=(12, 16))[truth] + 1.3 * rng.normal(size=(truth.size, 16))
    given = np.where(rng.random(truth.size) < 0.25, rng.integers(0, 12, truth.size), truth)
    return features.astype(np.float32), given, (given == truth).astype(np.int64)


def code_hash(package: Any) -> str:
    """Hash a package's source: results of other code are not taken up again."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(package.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def replay_of(name: str, folder: Path, cache: Path) -> Replay:
    """Read a data set and its evidence, which is measured if it is not in `cache` yet."""
    features, given, target = generate() if name == "generated" else load(name, folder)
    about = code_hash(noisette.verifier.evidence)
    path = cache / f"{name}-{about}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        measured: dict[str, Any] = dict(measure_evidence(features, given))
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **measured)
    with np.load(path) as found:
        return Replay(name, found["evidence"], found["population"], given, target, about)


# Replay


def choose(
    arm: str, data: Replay, odds: Float64Array, verified: BoolArray, budget: int, rng: np.random.Generator
) -> tuple[IntArray, Float64Array]:
    """Give the rows to verify next, and 1 / the chance of each, relative to a random draw."""
    rest = np.flatnonzero(~verified)
    if arm == "random":
        return rng.choice(rest, budget, replace=False), np.ones(budget)
    if arm == "uncertainty":
        return rest[np.argsort(np.abs(odds[rest]), kind="stable")[:budget]], np.ones(budget)
    known = np.where(verified, data.target, -1)
    found = propose(expit(odds), data.given, known, int(data.given.max()) + 1, budget, random_state=rng)
    return found.rows, budget / rest.size / found.inclusion_probability


def run(arm: str, data: Replay, seed: int, budgets: tuple[int, ...]) -> dict[str, dict[str, list[float]]]:
    """Verify in rounds; give the "errors" after each."""
    rng = np.random.default_rng(seed)
    rows, weights = np.empty(0, dtype=np.int64), np.empty(0)
    verified = np.zeros(data.given.size, dtype=np.bool_)
    odds = log_odds(data, np.empty(0, dtype=np.int64), None)
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for budget in budgets:
        new, weight = choose(arm, data, odds, verified, budget - rows.size, rng)
        rows, weights = np.append(rows, new), np.append(weights, weight)
        verified[new] = True
        odds = log_odds(data, rows, weights if arm == "plan-weighted" else None)
        wrong = (odds >= 0) != data.target
        errors["unverified"].append(float(wrong[~verified].mean()))
        errors["all"].append(float((wrong & ~verified).mean()))
        errors["learner"].append(float(wrong.mean()))
    return {"errors": errors}


def results(
    arms: list[str], seeds: range, data: Replay, budgets: tuple[int, ...], output: Path | None
) -> Iterator[dict[str, Any]]:
    """Run what is not in `output` yet; give every result."""
    for arm in arms:
        for seed in seeds:
            about = {"data": data.name, "arm": arm, "seed": seed, "budgets": list(budgets), "evidence": data.about}
            about["planning"] = code_hash(noisette.planning) if arm.startswith("plan") else ""
            path = None if output is None else output / f"{data.name}-{arm}-{seed}.json"
            yield kept_result(path, partial(run, arm, data, seed, budgets), about=about)


def areas(errors: Float64Array, budgets: tuple[int, ...]) -> Float64Array:
    """Give the area (S,) under curves (S, budgets) over log2(labels), divided by its width: a mean error."""
    steps = np.diff(np.log2(budgets))
    area: Float64Array = ((errors[:, 1:] + errors[:, :-1]) / 2) @ steps / steps.sum()
    return area


def interval(differences: Float64Array) -> tuple[float, float, float]:
    """Give the mean of paired differences and its 95 % interval by Student's t."""
    mean, size = float(differences.mean()), differences.size
    half = float(student.ppf(0.975, size - 1) * differences.std(ddof=1) / np.sqrt(size))
    return mean, mean - half, mean + half


def summary(found: list[dict[str, Any]], budgets: tuple[int, ...]) -> dict[str, Any]:
    """Bring the replays of one data set together; differences are taken from `random`, seed by seed."""
    out: dict[str, Any] = {}
    curves = {
        (arm, kind): np.array([one["errors"][kind] for one in found if one["arm"] == arm])
        for arm in dict.fromkeys(one["arm"] for one in found)
        for kind in KINDS
    }
    for (arm, kind), errors in curves.items():
        row = {"error": errors.mean(axis=0).round(5).tolist(), "sd": errors.std(axis=0, ddof=1).round(5).tolist()}
        row["area_minus_random"] = interval(areas(errors, budgets) - areas(curves["random", kind], budgets))
        out.setdefault(arm, {})[kind] = row
    return out


def holds(rows: dict[str, Any], budgets: tuple[int, ...], kind: str = "unverified") -> bool:
    """Say whether 200 labels of `plan` do what 400 random ones do, and its curve lies below."""
    ours, random = rows["plan"][kind], rows["random"][kind]
    few = budgets.index(200)
    return bool(ours["error"][few] <= random["error"][few + 1] and ours["area_minus_random"][2] < 0)


def table(name: str, rows: dict[str, Any], budgets: tuple[int, ...]) -> str:
    """Write the mean errors as plain text."""
    heads = "".join(f"{budget:>8}" for budget in budgets)
    lines = [f"{name}, error by verified labels", f"{'':<27}{heads}   area - random (95 % interval)"]
    for arm, kinds in rows.items():
        for kind, row in kinds.items():
            mean, low, high = row["area_minus_random"]
            values = "".join(f"{error:8.4f}" for error in row["error"])
            lines.append(f"{arm:<15} {kind:<11}{values}   {mean:+.4f} ({low:+.4f} to {high:+.4f})")
    return "\n".join(lines)


def draw_curves(path: Path, found: dict[str, dict[str, Any]], budgets: tuple[int, ...]) -> None:
    """Draw error against labels, a panel for each data set."""
    figure = Figure(figsize=(5 * len(found), 4), layout="constrained")
    for place, (name, rows) in enumerate(found.items()):
        axes = figure.add_subplot(1, len(found), place + 1)
        for arm in rows:
            axes.plot(budgets, rows[arm]["unverified"]["error"], marker="o", markersize=4, label=arm)
        axes.set_xscale("log", base=2)
        axes.set_xticks(budgets, [str(budget) for budget in budgets])
        best = min(min(row["unverified"]["error"]) for row in rows.values())
        worst = max(rows["random"]["unverified"]["error"])
        axes.set_ylim(best - 0.1 * (worst - best), worst + 0.6 * (worst - best))
        axes.set(title=name, xlabel="verified labels", ylabel="wrong verdicts among the others")
        axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, help="folder of measured evidence")
    parser.add_argument("--output", type=Path, help="folder of the results, one JSON file each, and of curves.svg")
    parser.add_argument("--sets", default="cifar10n,tiny120")
    parser.add_argument("--arms", help="comma-separated; all of them without this option, `random` always")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--smoke", action="store_true", help="generated data, three seeds")
    options = parser.parse_args()
    names = ["generated"] if options.smoke else options.sets.split(",")
    arms = list(ARMS) if options.arms is None else ["random", *set(options.arms.split(",")) - {"random"}]
    seeds = range(3 if options.smoke else options.seeds)
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or Path(temporary)
        found = {}
        for name in names:
            data = replay_of(name, options.data, cache)
            found[name] = summary(list(results(arms, seeds, data, BUDGETS, options.output)), BUDGETS)
            print(table(name, found[name], BUDGETS), end="\n\n", flush=True)
        draw_curves((options.output or cache) / "curves.svg", found, BUDGETS)
    verdict = {name: holds(rows, BUDGETS) for name, rows in found.items()} if "plan" in arms else {}
    about = {"benchmark": "plan", "smoke": options.smoke, "seeds": len(seeds), "budgets": BUDGETS}
    print(json.dumps(about | {"results": found, "holds": verdict}))


if __name__ == "__main__":
    main()
