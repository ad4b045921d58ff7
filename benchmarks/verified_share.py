"""Test accuracy against the share of labels that people verify, as a share of what verifying everything gains.

Command: OMP_NUM_THREADS=1 python benchmarks/verified_share.py --data ../shared/data --output runs/verified_share
         (--kinds, --shares, --seeds, --network, --epochs: other ones; --device cuda --jobs 12: on a GPU;
         --smoke: generated pictures)
Data:    CIFAR-10 photographs under the labels that people gave ("worse": 40 % wrong), clean test labels.
Arms:    0, 1, 3 and 10 % of the 50,000 labels verified, drawn at random or in rounds by `plan`; 100 %: every label is
         known to be right or wrong. A fresh network is trained on what `noisette train --weights KIND` would make of
         the evidence verifier's scores (features as in cifar10n_images.py): small-resnet:8, 8 epochs.
Share:   (accuracy - accuracy without weights) / (accuracy with all verified - accuracy without weights), where with all
         verified only labels that are right are learned from; published for CleanNet on WebVision: 29 % of that gain
         at 1.2 % verified, 47 % at 3.2 %.
Bar:     60 % of the gain at 3 % verified.
Resumes: a JSON file an arm and seed in --output, in a folder of the network and its epochs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import cifar10n_images as images
import noisy_photographs as photographs
import plan
from arm_runs import accuracy_line, kept_result, run_tasks
from cifar10n_images import Bench
from noisette.types import IntArray

SHARES, DRAWS = (0.03, 0.01, 0.10), ("random", "plan")
ROUNDS = (0.002, 0.01, 0.03, 0.10)
"""Shares at which `plan` proposes anew."""


@dataclass(frozen=True)
class Arm:
    """How many labels are verified, how they are drawn, and what is made of the scores."""

    share: float
    draw: str
    kind: str

    @property
    def name(self) -> str:
        """What its results are called."""
        return f"{self.draw}-{self.share:g}-{self.kind}" if self.draw else f"{self.share:g}-{self.kind}"


def arms_of(kinds: list[str], shares: list[float]) -> list[Arm]:
    """Give all arms; nothing is drawn where nothing or everything is verified."""
    some = [Arm(share, draw, kind) for kind in kinds for share in shares for draw in DRAWS]
    return [Arm(0, "", "none"), Arm(1, "", "soft"), *(Arm(0, "", kind) for kind in kinds), *some]


@cache
def replay_of(bench: Bench, seed: int) -> plan.Replay:
    """Give what `plan` chooses by: evidence that needs no verified label."""
    data = bench.photographs()
    features = photographs.joined(images.features_of_none(bench, data, seed), data)
    evidence, population = plan.measure_evidence(features, data.given).values()
    return plan.Replay("", evidence, population, data.given, (data.given == data.truth).astype(np.int64), "")


def verified_rows(bench: Bench, arm: Arm, seed: int) -> IntArray:
    """Draw the labels to verify; larger shares hold the smaller ones."""
    size, rng = bench.photographs().given.size, np.random.default_rng([seed, 13])
    if arm.draw == "random":
        return rng.permutation(size)[: round(arm.share * size)]
    replay, rows = replay_of(bench, seed), np.empty(0, dtype=np.int64)
    verified = np.zeros(size, dtype=np.bool_)
    for share in (share for share in ROUNDS if share <= arm.share):
        odds = plan.log_odds(replay, rows, None)
        new, _ = plan.choose("plan", replay, odds, verified, max(1, round(share * size) - rows.size), rng)
        rows = np.append(rows, new)
        verified[new] = True
    return rows


def run_arm(bench: Bench, arm: Arm, seed: int) -> dict[str, Any]:
    """Train and measure."""
    data, start = bench.photographs(), time.process_time()
    labels, weights = data.given, np.ones(data.given.size)
    detection: dict[str, float] = {}
    if arm.share == 1:
        weights = (data.given == data.truth).astype(np.float64)
    elif arm.kind != "none":
        features = photographs.joined(images.features_of_none(bench, data, seed), data)
        rows = verified_rows(bench, arm, seed) if arm.draw else np.empty(0, dtype=np.int64)
        checked = photographs.checked_in(data, rows)
        scores, detection = photographs.judge(features, data, checked, seed)
        labels, weights = photographs.learned_from(scores, checked, arm.kind)
    network = images.fresh(bench, data, seed)
    images.train(bench, network, data, labels, weights, images.RECIPE, seed)
    if arm.kind == "none":
        images.keep_none(bench, network, data, seed)
    found = photographs.measure(network, data, bench.device)
    seconds = round(time.process_time() - start, 1)
    return {"arm": arm.name, "seed": seed, "cpu_seconds": seconds, "detection": detection} | found


def results(bench: Bench, arms: list[Arm], seeds: list[int], jobs: int) -> Iterator[dict[str, Any]]:
    """Run what is not in the folder yet; the networks without weights come first, the others need their features."""
    for stage in ([arm for arm in arms if arm.kind == "none"], [arm for arm in arms if arm.kind != "none"]):
        tasks = [(arm, seed) for arm in stage for seed in seeds]
        yield from run_tasks(partial(_kept, bench), tasks, jobs)


def _kept(bench: Bench, task: tuple[Arm, int]) -> dict[str, Any]:
    arm, seed = task
    path = bench.output / f"share-{arm.name}-{seed}.json"
    found: dict[str, Any] = kept_result(path, partial(run_arm, bench, arm, seed), say=accuracy_line)
    return found


def summary(arms: list[Arm], found: list[dict[str, Any]]) -> dict[str, Any]:
    """Give accuracy and share of the gain of each arm."""
    top1 = {arm: np.array([one["top1"] for one in found if one["arm"] == arm.name]) for arm in arms}
    none, everything = top1[arms[0]], top1[arms[1]]
    return {
        arm.name: {
            "top1": values.round(4).tolist(),
            "mean": round(float(values.mean()), 4),
            "share_of_gain": round(float((values - none).mean() / (everything - none).mean()), 3),
        }
        for arm, values in top1.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--output", type=Path, help="folder of the results")
    parser.add_argument("--kinds", default="soft", help="of weights, comma-separated")
    parser.add_argument("--shares", default=",".join(map(str, SHARES)), help="verified, comma-separated; .03 is judged")
    parser.add_argument("--network", default="small-resnet:8")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="arms at a time, a process each")
    parser.add_argument("--smoke", action="store_true", help="generated pictures, one seed, two epochs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        network = "small-resnet:4" if options.smoke else options.network
        output = images.folder_of(options.output or Path(temporary), network, options.epochs)
        output.mkdir(parents=True, exist_ok=True)
        bench = Bench(None if options.smoke else options.data, output, options.device, network, options.epochs)
        bench.photographs()  # before processes would all decode them
        arms = arms_of(options.kinds.split(","), [float(share) for share in options.shares.split(",")])
        seeds = [0] if options.smoke else [int(seed) for seed in options.seeds.split(",")]
        rows = summary(arms, list(results(bench, arms, seeds, options.jobs)))
    for name, row in rows.items():
        print(f"{name:<24} {row['mean']:.4f}  of the gain {row['share_of_gain']:.2f}")
    at_three = [row["share_of_gain"] for name, row in rows.items() if "-0.03-" in name]
    about = {"benchmark": "verified_share", "smoke": options.smoke, "network": bench.network}
    print(json.dumps(about | {"arms": rows, "holds": max(at_three) >= 0.6}))


if __name__ == "__main__":
    main()
