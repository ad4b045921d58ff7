"""Scoring speed of CleanNet against the least that it must compute, and against a scorer that knows no better.

Command: python benchmarks/scoring_speed.py            (about a minute and 1.5 GB of memory on two cores)
         python benchmarks/scoring_speed.py --smoke    (a second; numbers mean nothing)

Data: random non-negative features, 50,000 x 2,048 float32; K = 101 classes, R = 32 references. Three ways:
  noisette     CleanNetVerifier.score_samples, checks, fold look-up and all
  bare         the two matrix products D -> 256 -> 128 alone, on the same chunks in memory
  per sample   encodes the 32 references of the given class anew for every sample; timed on a part and scaled up
Each is the best of five runs, interleaved. Floors: noisette >= 0.8 of the speed of bare, and >= 40 times per sample.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from noisette.functional import cosine_similarity
from noisette.verifier import CleanNetVerifier
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.recipe import DEFAULT
from noisette.verifier.inputs import batch_rows

FLOOR_BARE, FLOOR_PER_SAMPLE = 0.8, 40.0


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    samples: int = 50_000
    features: int = 2048
    classes: int = 101
    references: int = 32
    fitted: int = 3300
    verified: int = 1000
    part: int = 512
    runs: int = 5


SMOKE = Sizes(samples=600, features=64, classes=7, references=8, fitted=210, verified=60, part=32, runs=2)


def made_up(size: int, sizes: Sizes, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(sizes.classes, size=size)
    centres = np.random.default_rng(7).random((sizes.classes, sizes.features), dtype=np.float32)
    return np.maximum(0, centres[labels] + rng.random((size, sizes.features), dtype=np.float32) - 0.5), labels


def fitted_verifier(sizes: Sizes, normalization: str) -> CleanNetVerifier:
    rng = np.random.default_rng(0)
    features, labels = made_up(sizes.fitted, sizes, rng)
    verification = np.full(sizes.fitted, -1)
    verification[: sizes.verified] = rng.integers(2, size=sizes.verified)
    recipe = {**DEFAULT.to_json(), "num_steps": 1}
    verifier = CleanNetVerifier(sizes.references, normalization, recipe)  # type: ignore[arg-type]
    verifier.num_folds = 2  # only the speed of scoring matters here
    return verifier.fit(features, labels, verification, class_names=[str(k) for k in range(sizes.classes)])


def bare(net: CleanNet, chunks: list[torch.Tensor]) -> None:
    first, second = (
        layer.weight.detach().T.contiguous() for layer in (net.query_encoder.hidden, net.query_encoder.embed)
    )
    for chunk in chunks:
        (chunk @ first) @ second


@torch.no_grad()
def per_sample(net: CleanNet, references: torch.Tensor, features: torch.Tensor, labels: torch.Tensor) -> None:
    for i in range(0, len(features), 64):
        classes = net.embed_references(references[labels[i : i + 64]])
        cosine_similarity(net.embed_queries(features[i : i + 64]), classes)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(sizes: Sizes, normalization: str) -> dict[str, float]:
    verifier = fitted_verifier(sizes, normalization)
    features, labels = made_up(sizes.samples, sizes, np.random.default_rng(1))
    tensor, references = torch.from_numpy(features), torch.from_numpy(verifier.context["references"])
    chunks = list(tensor.split(batch_rows(sizes.features)))
    net = verifier.models.full.net  # type: ignore[attr-defined]
    part = tensor[: sizes.part], torch.from_numpy(labels[: sizes.part])
    ways: dict[str, Callable[[], object]] = {
        "noisette": lambda: verifier.score_samples(features, labels),
        "bare": lambda: bare(net, chunks),
        "per sample": lambda: per_sample(net, references, *part),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(sizes.runs):
        for name, work in ways.items():
            best[name] = min(best[name], seconds(work))
    best["per sample"] *= sizes.samples / sizes.part
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that the script runs")
    parser.add_argument("--normalization", default="auto", help="log, l2, none or auto (default)")
    options = parser.parse_args()
    sizes = SMOKE if options.smoke else Sizes()
    best = measure(sizes, options.normalization)
    ratio_bare, ratio_rival = best["bare"] / best["noisette"], best["per sample"] / best["noisette"]
    print(
        f"{sizes.samples} x {sizes.features}, normalization {options.normalization}, {torch.get_num_threads()} threads"
    )
    print(f"{'way':<12}{'seconds':>10}{'samples/s':>12}{'noisette is':>14}")
    for name, took in best.items():
        print(f"{name:<12}{took:>10.3f}{sizes.samples / took:>12.0f}{took / best['noisette']:>13.2f}x")
    print(f"floors: {FLOOR_BARE} of bare, {FLOOR_PER_SAMPLE:g}x per sample")
    passed = ratio_bare >= FLOOR_BARE and ratio_rival >= FLOOR_PER_SAMPLE
    print(
        json.dumps(
            {
                "benchmark": "scoring_speed",
                "smoke": options.smoke,
                "normalization": options.normalization,
                "seconds": {name: round(took, 4) for name, took in best.items()},
                "speed_of_bare": round(ratio_bare, 3),
                "times_per_sample": round(ratio_rival, 1),
                "floors": {"speed_of_bare": FLOOR_BARE, "times_per_sample": FLOOR_PER_SAMPLE},
                "passed": None if options.smoke else passed,
            }
        )
    )


if __name__ == "__main__":
    main()
