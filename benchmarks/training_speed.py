"""CPU seconds that CleanNet's training takes to one validation error: our default recipe against the published loop.

Command: python benchmarks/training_speed.py --output DIR    (about ten minutes of CPU; finished arms in DIR are kept)
         python benchmarks/training_speed.py --smoke         (seconds; made-up data, numbers mean nothing)

Data: ../shared/data/tiny120.npz where it is there (60 of 120 classes verified with 100 labels each, 20 of them for
validation), else made-up features. Three seeds. The arms:
  published    32 verified + 32 unverified samples a step, the references of each sample encoded anew, SGD (3,000 steps)
  ours         `train_cleannet` with the default recipe, its informed start included in the time
Both are validated on all validation pairs at even intervals, outside the measured time, and stop after ten validations
without a better error. The target is the best error of the published loop + .002; the time is that of the first
validation at or below it. References are the same and not timed. Floor: ours <= 1/4 of published, over all seeds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arm_runs import kept_result
from noisette.functional import cleannet_loss, cosine_similarity
from noisette.references import find_references
from noisette.verifier.cleannet.batches import Batches, CleanNetData, Pairs
from noisette.verifier.cleannet.initialization import initialize
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.recipe import DEFAULT, PAPER
from noisette.verifier.cleannet.trainer import train_cleannet
from noisette.verifier.cleannet.validation import validate

TINY = Path(__file__).resolve().parents[2] / "shared" / "data" / "tiny120.npz"
FLOOR, TOLERANCE, PATIENCE = 0.25, 0.002, 10


class Enough(Exception):
    """The stop rule has spoken."""


class Clock:
    """Counts CPU seconds of training, and validates with the clock stopped."""

    def __init__(self, error: Callable[[], float], interval: int) -> None:
        self.error, self.interval, self.spent, self.curve = error, interval, 0.0, list[tuple[int, float, float]]()
        self.started = time.process_time()

    def __call__(self, _what: str, step: int, total: int) -> None:
        """Take note of a step, as a progress callback."""
        self.spent += time.process_time() - self.started
        if step % self.interval == 0 or step == total:
            self.curve.append((step, self.spent, self.error()))
            errors = [error for _, _, error in self.curve]
            if len(errors) - 1 - int(np.argmin(errors)) >= PATIENCE:
                raise Enough
        self.started = time.process_time()


def published(data: CleanNetData, validation: Pairs, seed: int, num_steps: int) -> list[tuple[int, float, float]]:
    recipe = replace(PAPER, num_steps=num_steps)
    generator = torch.Generator().manual_seed(seed)
    net = CleanNet(data.references.shape[2], "log", generator=generator)
    clock = Clock(lambda: validate(net, data.references, validation)["validation_error"], max(1, num_steps // 30))
    groups: list[dict[str, Any]] = [
        {"params": [p for p in net.parameters() if p.ndim == 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in net.parameters() if p.ndim == 1]},
    ]
    optimizer = torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    batches = Batches(data, recipe, generator)
    for step in range(num_steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        batch = batches.draw()
        embeddings = net.embed_queries(batch.features)
        classes = net.embed_references(data.references[batch.classes[batch.own]])  # once a sample
        similarity = cosine_similarity(embeddings, classes)
        query, rebuilt = net.normalize(batch.features), net.reconstruct(embeddings)
        loss = cleannet_loss(similarity, batch.targets, query, rebuilt).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        try:
            clock("train", step + 1, num_steps)
        except Enough:
            break
    return clock.curve


def ours(data: CleanNetData, validation: Pairs, seed: int, num_steps: int) -> list[tuple[int, float, float]]:
    recipe = replace(DEFAULT, num_steps=num_steps)
    generator = torch.Generator().manual_seed(seed)
    net = CleanNet(data.references.shape[2], generator=generator)
    clock = Clock(lambda: validate(net, data.references, validation)["validation_error"], max(1, num_steps // 20))
    features = torch.cat([data.verified.features, data.unverified.features])
    order = torch.argsort(data.verified.rows)
    initialize(net, features, torch.cat([data.verified.labels[order], data.unverified.labels]), recipe, generator)
    try:
        train_cleannet(net, data, recipe, seed=seed, progress=clock)
    except Enough:
        pass
    return clock.curve


ARMS = {"published": (published, 3000, 60), "ours": (ours, DEFAULT.num_steps, 20)}


def problem(smoke: bool, seed: int) -> tuple[CleanNetData, Pairs]:
    features, given, truth, each = made_up() if smoke or not TINY.exists() else tiny120()
    num_classes = int(given.max()) + 1
    rng = np.random.default_rng(seed)
    classes = rng.permutation(num_classes)[: num_classes // 2]
    chosen = [rng.permutation(np.flatnonzero(given == k))[:each] for k in classes]
    held = np.concatenate([rows[: each // 5] for rows in chosen])
    verified = np.concatenate([rows[each // 5 :] for rows in chosen])
    rest = np.setdiff1d(np.arange(given.size), np.concatenate(chosen))
    references = torch.from_numpy(find_references(features, given, num_classes))

    def pairs(rows: np.ndarray) -> Pairs:
        parts = features[rows], np.arange(rows.size), given[rows], truth[rows]
        return Pairs(*(torch.from_numpy(part) for part in parts))

    unverified = Pairs.unverified(torch.from_numpy(features[rest]), torch.from_numpy(given[rest]))
    return CleanNetData(references, pairs(verified), unverified), pairs(held)


def tiny120() -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    with np.load(TINY) as file:
        given = file["given_label"].astype(np.int64)
        return file["features"].astype(np.float32), given, (given == file["clean_label"]).astype(np.int64), 100


def made_up() -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(0)
    clean = rng.integers(10, size=1500)
    features = np.maximum(0, rng.normal(size=(10, 32))[clean] + 1 + rng.normal(size=(1500, 32)))
    given = np.where(rng.random(1500) < 0.3, rng.integers(10, size=1500), clean)
    return features.astype(np.float32), given, (given == clean).astype(np.int64), 50


def curve_of(arm: str, seed: int, smoke: bool, output: Path | None) -> list[tuple[int, float, float]]:
    path = None if output is None else output / f"training_speed-{'smoke-' if smoke else ''}{arm}-{seed}.json"
    train, steps, smoke_steps = ARMS[arm]
    curve: list[tuple[int, float, float]] = kept_result(
        path, lambda: train(*problem(smoke, seed), seed, smoke_steps if smoke else steps)
    )
    return curve


def seconds_to(target: float, curve: list[tuple[int, float, float]]) -> float | None:
    return next((spent for _, spent, error in curve if error <= target), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny made-up data, to see that the script runs")
    parser.add_argument("--output", type=Path, help="folder that keeps the result of each arm, to go on after a stop")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = "made up" if options.smoke or not TINY.exists() else "tiny120"
    print(f"data: {data}; CPU seconds to the published loop's best validation error + {TOLERANCE}")
    print(f"{'seed':<6}{'target':>8}{'published s':>13}{'its best':>10}{'ours s':>8}{'its best':>10}{'ratio':>8}")
    rows: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        curves = {arm: curve_of(arm, seed, options.smoke, options.output) for arm in ARMS}
        best = {arm: min(error for _, _, error in curve) for arm, curve in curves.items()}
        target = best["published"] + TOLERANCE
        took = {arm: seconds_to(target, curve) for arm, curve in curves.items()}
        rows.append({"seed": seed, "target": round(target, 4), "seconds": took, "best": best})
        slow, fast = took["published"], took["ours"]
        assert slow is not None
        shown = "never" if fast is None else f"{fast:.2f}"
        ratio = "-" if fast is None else f"{fast / slow:.3f}"
        print(
            f"{seed:<6}{target:>8.4f}{slow:>13.2f}{best['published']:>10.4f}{shown:>8}{best['ours']:>10.4f}{ratio:>8}"
        )
    reached = all(row["seconds"]["ours"] is not None for row in rows)
    sums = {arm: sum(row["seconds"][arm] or 0.0 for row in rows) for arm in ARMS}
    overall = sums["ours"] / sums["published"] if reached else None
    print(
        f"floor: ours <= {FLOOR} of published; all seeds together: {overall if overall is None else round(overall, 4)}"
    )
    passed = overall is not None and overall <= FLOOR
    result = {"benchmark": "training_speed", "smoke": options.smoke, "data": data, "rows": rows, "ratio": overall}
    print(json.dumps({**result, "floor": FLOOR, "passed": None if options.smoke else passed}))


if __name__ == "__main__":
    main()
