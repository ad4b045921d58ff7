"""A classifier from photographs with human label errors: how much of what wrong labels cost is won back.

Command: python benchmarks/cifar10n_images.py --data ../shared/data --output runs/cifar10n_images
         (--arms, --seeds: a part of it; --network, --epochs: other ones; --device cuda --jobs 12: on a GPU;
         --smoke: generated pictures)
Data:    cifar10_jpgs.tar.xz, 50,000 photographs of 32 x 32 under the labels that people gave ("worse": 40 % wrong), and
         10,000 test photographs under clean labels. Verified: 250 labels in each of five random classes.
Network: small-resnet:16 (a residual network of seven convolutions, 0.3 million parameters); 12 epochs, batches of 128,
         SGD, cosine; pictures moved and mirrored. It trains on two cores; docs/benchmarks.md has the seconds.
Arms:    none      the labels as they are
         soft, hard, drop, corrected, corrected-soft     `noisette train --weights`; the evidence verifier sees features
                   of `none` beside those of an ImageNet network, and the verified labels
         het       a heteroscedastic head of 4 factors, no weights; soft-het, corrected-het: with them
         rounds    the joint loop: `none` is fine-tuned with soft weights (6 epochs, half the learning rate), its new
                   features are judged, and it is fine-tuned again; rounds-corrected: with corrected labels
         end-to-end  `none` is trained on by one optimiser over network and CleanNet (6 epochs, half the learning rate)
         longer, longer-oracle   `none` and `oracle` are trained on twice as in `rounds`, without weights: what
                  longer training alone does, and the gap between them, which is that of the rounds at equal epochs
        clean     the samples whose given label is right, and no others
         oracle    every sample under its true class
Paired:  arms of a seed share the verified labels, the first weights and the order of samples.
Bars:    the best of Noisette recovers half or more of the gap between none and the oracle (every sample under its true
         class; `clean`, of which there are less, is the easier one); soft beats none on every seed. Printed beside:
         the same gap with equal epochs for all.
Resumes: a JSON file an arm and seed in --output, in a folder of the network and its epochs, beside the networks and
         features of `none` and scores of labels.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import TensorDataset

import noisy_photographs as photographs
from arm_runs import accuracy_line, kept_result, run_tasks
from noisette.files import atomic_path
from noisette.functional.detection_metrics import auroc
from noisette.training import TrainingRecipe
from noisette.training.end_to_end import train_end_to_end
from noisette.types import Float32Array, Float64Array, IntArray, LabelScores
from noisy_photographs import Network, Photographs

PER_CLASS, VERIFIED_CLASSES, FACTORS = 250, 5, 4
RECIPE = TrainingRecipe(epochs=12, batch_size=128, learning_rate=0.1)
FINE_TUNING = replace(RECIPE, epochs=6, learning_rate=0.05)
KINDS = ("soft", "hard", "drop", "corrected", "corrected-soft")
FIRST = ("none", "het", "clean", "oracle")
WEIGHTED = (*KINDS, "soft-het", "corrected-het")
ROUNDS = {"rounds": "soft", "rounds-corrected": "corrected"}
LONGER = {"longer": "none", "longer-oracle": "oracle"}
LAST = (*ROUNDS, "end-to-end", *LONGER)
ARMS = (*FIRST, *WEIGHTED, *LAST)
BASELINES = ("none", "clean", "oracle", *LONGER)


@dataclass(frozen=True)
class Bench:
    """Where and how the arms run."""

    data: Path | None
    output: Path
    device: str
    network: str = photographs.NETWORK
    epochs: int = RECIPE.epochs

    def photographs(self) -> Photographs:
        """Read the data."""
        return _photographs(self.data, self.output)

    def recipe(self, recipe: TrainingRecipe) -> TrainingRecipe:
        """Give the recipe; a short one on generated pictures."""
        if self.data is None:
            return replace(recipe, epochs=2, batch_size=32)
        return replace(recipe, epochs=max(1, recipe.epochs * self.epochs // RECIPE.epochs))


@cache
def _photographs(folder: Path | None, output: Path) -> Photographs:
    return photographs.generate() if folder is None else photographs.load(folder, output)


def checked(data: Photographs, seed: int) -> IntArray:
    """Give the verification labels (N,) of a seed."""
    return photographs.checked_in(data, photographs.drawn_by_class(data, PER_CLASS, VERIFIED_CLASSES, seed))


def fresh(bench: Bench, data: Photographs, seed: int, num_factors: int = 0) -> Network:
    classes = int(data.truth.max()) + 1
    return photographs.make_network(classes, num_factors=num_factors, name=bench.network, seed=seed)


def features_of_none(bench: Bench, data: Photographs, seed: int) -> Float32Array:
    """Give (N, D): features of the classifier trained on the labels as they are, kept in a file."""
    path = bench.output / f"features-{seed}.npy"
    if not path.exists():
        own = photographs.features_of(trained_none(bench, data, seed), data.pictures, bench.device)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, own.astype(np.float16))
    found: Float32Array = np.load(path).astype(np.float32)
    return found


def trained_none(bench: Bench, data: Photographs, seed: int) -> Network:
    """Give the network that was trained on the labels as they are."""
    network = fresh(bench, data, seed)
    network.load_state_dict(load_file(bench.output / f"none-{seed}.safetensors"))
    return network


def keep_none(bench: Bench, network: Network, data: Photographs, seed: int) -> None:
    """Keep the network that was trained on the labels as they are, and its features."""
    state = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
    save_file(state, bench.output / f"none-{seed}.safetensors")
    features_of_none(bench, data, seed)


def judged(bench: Bench, data: Photographs, seed: int) -> tuple[LabelScores, dict[str, float]]:
    """Give the scores of all labels by the features of `none`, kept in a file."""
    path = bench.output / f"scores-{seed}.npz"
    if not path.exists():
        features = photographs.joined(features_of_none(bench, data, seed), data)
        scores, found = photographs.judge(features, data, checked(data, seed), seed)
        columns: dict[str, Any] = {name: getattr(scores, name) for name in LabelScores.__dataclass_fields__}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **columns, about=json.dumps(found))
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files if name != "about"}
        return LabelScores(**arrays), json.loads(str(kept["about"]))


def run_arm(bench: Bench, arm: str, seed: int) -> dict[str, Any]:
    """Train what the arm says, and measure it."""
    data, start = bench.photographs(), time.process_time()
    detection: dict[str, Any] = {}
    if arm in FIRST:
        network = _first(bench, data, arm, seed)
    elif arm in WEIGHTED:
        scores, detection = judged(bench, data, seed)
        labels, weights = photographs.learned_from(scores, checked(data, seed), arm.removesuffix("-het"))
        network = fresh(bench, data, seed, FACTORS if arm.endswith("-het") else 0)
        train(bench, network, data, labels, weights, RECIPE, seed)
    elif arm in ROUNDS:
        network, detection = _rounds(bench, data, ROUNDS[arm], seed)
    elif arm in LONGER:
        network = _longer(bench, data, LONGER[arm], seed)
    else:
        network, detection = _end_to_end(bench, data, seed)
    found = photographs.measure(network, data, bench.device)
    seconds = round(time.process_time() - start, 1)
    about = {"arm": arm, "seed": seed, "device": bench.device, "cpu_seconds": seconds, "detection": detection}
    return about | found


def train(
    bench: Bench,
    network: Network,
    data: Photographs,
    labels: IntArray,
    weights: Float64Array,
    recipe: TrainingRecipe,
    seed: int,
) -> None:
    photographs.train(network, data, labels, weights, bench.recipe(recipe), device=bench.device, seed=seed)


def _first(bench: Bench, data: Photographs, arm: str, seed: int) -> Network:
    """Train without a verifier."""
    network = fresh(bench, data, seed, FACTORS if arm == "het" else 0)
    labels = {"oracle": data.truth, "clean": np.where(data.given == data.truth, data.truth, -1)}.get(arm, data.given)
    train(bench, network, data, labels, np.ones(labels.size), RECIPE, seed)
    if arm == "none":
        keep_none(bench, network, data, seed)
    return network


def _longer(bench: Bench, data: Photographs, arm: str, seed: int) -> Network:
    """Train on as long as rounds do, on the same labels."""
    network = trained_none(bench, data, seed) if arm == "none" else _first(bench, data, arm, seed)
    labels = data.given if arm == "none" else data.truth
    for number in (1, 2):
        train(bench, network, data, labels, np.ones(labels.size), FINE_TUNING, seed + number)
    return network


def _rounds(bench: Bench, data: Photographs, kind: str, seed: int) -> tuple[Network, dict[str, Any]]:
    """Fine-tune by what the verifier says, twice; detection of both rounds is kept, and accuracy between them."""
    scores, first = judged(bench, data, seed)
    known, network = checked(data, seed), trained_none(bench, data, seed)
    labels, weights = photographs.learned_from(scores, known, kind)
    train(bench, network, data, labels, weights, FINE_TUNING, seed + 1)
    between = photographs.measure(network, data, bench.device)
    own = photographs.features_of(network, data.pictures, bench.device)
    scores, second = photographs.judge(photographs.joined(own, data), data, known, seed)
    labels, weights = photographs.learned_from(scores, known, kind)
    train(bench, network, data, labels, weights, FINE_TUNING, seed + 2)
    return network, {"round 1": first, "after round 1": between, "round 2": second}


def _end_to_end(bench: Bench, data: Photographs, seed: int) -> tuple[Network, dict[str, Any]]:
    """Train the network of `none` and a CleanNet on its features together; keep how well that judges labels."""
    known, network = checked(data, seed), trained_none(bench, data, seed)
    plain = TensorDataset(torch.from_numpy(data.pictures), torch.from_numpy(data.given))
    done = train_end_to_end(
        network,
        photographs.Shifted(data.pictures, np.arange(data.given.size), data.given, np.ones(data.given.size)),
        verification_labels=known,
        plain=plain,
        recipe=bench.recipe(FINE_TUNING),
        device=bench.device,
        random_state=seed,
    )
    similarity, rest = done.similarities(plain, data.given), known < 0
    found = {"auroc": auroc(similarity[rest], (data.given == data.truth)[rest])}
    return network, found | {"history": [record.terms for record in done.history]}


def results(bench: Bench, arms: list[str], seeds: list[int], jobs: int) -> Iterator[dict[str, Any]]:
    """Run what is not in the folder yet; give every result."""
    yield from run_tasks(partial(_kept, bench), [(arm, seed) for arm in arms for seed in seeds], jobs)


def _kept(bench: Bench, task: tuple[str, int]) -> dict[str, Any]:
    arm, seed = task
    found: dict[str, Any] = kept_result(
        bench.output / f"{arm}-{seed}.json", partial(run_arm, bench, arm, seed), say=accuracy_line
    )
    return found


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Give each arm's accuracies, their gain over `none`, and the share of the gap to the oracle, pair by pair."""
    top1 = {arm: np.array([one["top1"] for one in found if one["arm"] == arm]) for arm in {one["arm"] for one in found}}
    none, oracle = top1["none"], top1.get("oracle")
    rows: dict[str, Any] = {}
    for arm in (arm for arm in ARMS if arm in top1):
        gain = top1[arm] - none
        rows[arm] = {
            "top1": top1[arm].round(4).tolist(),
            "mean": round(float(top1[arm].mean()), 4),
            "nll": round(float(np.mean([one["nll"] for one in found if one["arm"] == arm])), 4),
            "gain": round(float(gain.mean()), 4),
            "least_gain": round(float(gain.min()), 4),
            "cpu_seconds": round(float(np.mean([one["cpu_seconds"] for one in found if one["arm"] == arm])), 1),
        }
        if oracle is not None:
            rows[arm]["share_of_gap"] = round(float((gain / (oracle - none)).mean()), 3)
        if arm in ROUNDS and LONGER.keys() <= top1.keys():
            gap = top1["longer-oracle"] - top1["longer"]
            rows[arm]["share_at_equal_epochs"] = round(float(((top1[arm] - top1["longer"]) / gap).mean()), 3)
    return rows


def bars(rows: dict[str, Any]) -> dict[str, bool]:
    """Say which bars hold, of those whose arms were run."""
    ours = [row.get("share_of_gap", 0) for arm, row in rows.items() if arm not in BASELINES]
    found = {"half of the gap": max(ours) >= 0.5} if ours and "oracle" in rows else {}
    return found | ({"soft beats none": rows["soft"]["least_gain"] > 0} if "soft" in rows else {})


def folder_of(output: Path, network: str, epochs: int) -> Path:
    """Give the folder of one network and its epochs: what is kept of another one must not be taken for it."""
    return output / f"{network.replace(':', '-')}-{epochs}-epochs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--output", type=Path, help="folder of the results")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--network", default=photographs.NETWORK)
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs, help="of arms that train once")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="arms at a time, a process each")
    parser.add_argument("--smoke", action="store_true", help="generated pictures, one seed, two epochs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        network = "small-resnet:4" if options.smoke else options.network
        output = folder_of(options.output or Path(temporary), network, options.epochs)
        output.mkdir(parents=True, exist_ok=True)
        bench = Bench(None if options.smoke else options.data, output, options.device, network, options.epochs)
        bench.photographs()  # before processes would all decode them
        arms = [arm for arm in ARMS if arm in options.arms.split(",")]
        seeds = [0] if options.smoke else [int(seed) for seed in options.seeds.split(",")]
        found: list[dict[str, Any]] = []
        for stage in (FIRST, WEIGHTED, LAST):  # arms of a stage need those before it, and no other
            found += results(bench, [arm for arm in arms if arm in stage], seeds, options.jobs)
    rows = summary(found)
    for arm, row in rows.items():
        shares = f"of the gap {row.get('share_of_gap', 0):.2f}"
        if "share_at_equal_epochs" in row:
            shares += f", at equal epochs {row['share_at_equal_epochs']:.2f}"
        print(f"{arm:<17} {row['mean']:.4f}  gain {row['gain']:+.4f}  {shares}")
    about = {"benchmark": "cifar10n_images", "smoke": options.smoke, "network": bench.network, "epochs": bench.epochs}
    print(json.dumps(about | {"arms": rows, "bars": bars(rows)}))


if __name__ == "__main__":
    main()
