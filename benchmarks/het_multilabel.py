"""Does a multi-label head learn which classes occur together for reasons that the features do not show?

Command:  OMP_NUM_THREADS=1 python benchmarks/het_multilabel.py --output runs/het_multilabel   (--seeds, --arms: a part
          of it; --smoke: fewer rows and epochs, seconds; its numbers mean nothing)
Data:     drawn, a new truth for each seed. x ~ N(0, I), D = 16; K = 8 logits u = loc(x) + s(x) M e_3 + d(x) * e_8; a
          row has class c where u_c > 0. M plants three pairs: classes 0 and 1, and 2 and 3, get the same factor, 4 and
          5 one with opposite signs; 6 and 7 none. loc linear with bias -1 (labels are rare), d = softplus(linear),
          s = 1 + linear: rows differ in how noisy they are, as sharp and blurred pictures do. Weights and the bias of
          d are drawn from N(0, 1/D). 20,000 rows to learn from, 10,000 to measure on.
Arms:     nn.Linear with binary cross-entropy; the full head (F = 3) with the joint likelihood of a row's labels, and
          with the published sum over classes, which cannot see correlations. Same budget: AdamW without weight decay,
          batches of 256, 24 epochs, a cosine from .03 to 0; temperature 1, 64 matched draws.
Measured: gAP (average precision of all (row, class) pairs in one ranking), of the true P(u_c > 0), too, as a ceiling;
          the correlation that `head.covariance` gives for the planted pairs (sign-corrected: above 0 is right), and the
          mean size of that of all other pairs. Truth: E s^2 / (E s^2 + E d^2), about .7.
Bars:     the joint head has the right sign for every planted pair, and a gAP above the linear layer's, on every seed.
Expected: a linear layer ranks a row by loc alone and knows nothing of s and d, so its gAP is lower; without a row's
          noise level (s and d constant) there would be nothing to gain.
Resumes:  a JSON file an arm and seed in --output.
Cost:     15-20 s of one core a head and seed.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from arm_runs import kept_result
from noisette.functional.class_metrics import global_average_precision
from noisette.functional.exact_predictors import binary_probit
from noisette.heads.dense_head import HeteroscedasticHead
from noisette.heads.distribution import LogitDistribution

D, K = 16, 8
PAIRS = ((0, 1, 1.0), (2, 3, 1.0), (4, 5, -1.0))
"""Classes that share a factor, and the sign of their correlation."""
ARMS = ("true p", "linear", "head, joint likelihood", "head, sum over classes")
JOINT = ARMS[2]
BATCH, RATE = 256, 0.03


@dataclass(frozen=True)
class Sizes:
    """Rows to learn from and to measure on; epochs."""

    train: int = 20_000
    test: int = 10_000
    epochs: int = 24


SMOKE = Sizes(train=1_000, test=500, epochs=1)


@dataclass(frozen=True, eq=False)
class Truth:
    """Weights (K, D) of loc, (D,) of s, (K, D) and bias (K,) of the d before its softplus."""

    loc: Tensor
    scale: Tensor
    std: Tensor
    std_bias: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator) -> Truth:
        """Draw every number from N(0, 1/D)."""
        return cls(*(torch.randn(shape, generator=generator) / D**0.5 for shape in ((K, D), (D,), (K, D), (K,))))

    def at(self, x: Tensor) -> LogitDistribution:
        """Give the distribution of the logits of rows."""
        planted = torch.zeros(K, len(PAIRS))
        for factor, (first, second, sign) in enumerate(PAIRS):
            planted[first, factor], planted[second, factor] = 1.0, sign
        scale, std = 1 + x @ self.scale, softplus(x @ self.std.T + self.std_bias)
        return LogitDistribution(x @ self.loc.T - 1, scale[:, None, None] * planted, std.square())


@dataclass(frozen=True, eq=False)
class Data:
    """Rows x and labels y (N, K), to learn from and to measure on; the truth of the latter."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor
    logits: LogitDistribution

    @classmethod
    def draw(cls, seed: int, sizes: Sizes) -> Data:
        """Draw a truth, rows and labels."""
        generator = torch.Generator().manual_seed(seed)
        truth = Truth.draw(generator)
        x, test_x = (torch.randn(size, D, generator=generator) for size in (sizes.train, sizes.test))
        y, test_y = (sample_labels(truth.at(rows), generator) for rows in (x, test_x))
        return cls(x, y, test_x, test_y, truth.at(test_x))


def sample_labels(logits: LogitDistribution, generator: torch.Generator) -> Tensor:
    """Draw (B, K) labels, 1.0 where the noisy logit is above 0."""
    size = len(logits.loc)
    factors, classes = (torch.randn(size, n, generator=generator) for n in (len(PAIRS), K))
    noise = (logits.cov_factor @ factors[..., None])[..., 0] + logits.cov_diag.sqrt() * classes
    return (logits.loc + noise > 0).float()


def make(arm: str) -> nn.Module:
    """Make the last layer of an arm."""
    if arm == "linear":
        return nn.Linear(D, K)
    return HeteroscedasticHead(
        D, K, num_factors=len(PAIRS), temperature=1.0, multilabel=True, joint_likelihood=arm == JOINT
    )


def train(arm: str, data: Data, seed: int, epochs: int) -> tuple[nn.Module, float]:
    """Train an arm; give it and the CPU seconds that it took."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # start values of layers have no generator of their own
        head = make(arm)
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * -(-len(data.x) // BATCH))
    start = time.process_time()
    for _ in range(epochs):
        for rows in torch.randperm(len(data.x), generator=generator).split(BATCH):
            x, y = data.x[rows], data.y[rows]
            optimizer.zero_grad()
            if isinstance(head, HeteroscedasticHead):
                loss = head.nll(x, y, generator=generator)
            else:
                loss = binary_cross_entropy_with_logits(head(x), y)
            loss.backward()
            optimizer.step()
            schedule.step()
    return head.eval(), time.process_time() - start


@torch.no_grad()
def correlations(head: HeteroscedasticHead, x: Tensor) -> dict[str, Any]:
    """Give the learned correlation of each planted pair times its sign, and the mean size of all the others."""
    covariance = head.covariance(x)
    std = covariance.diagonal().sqrt()
    correlation = covariance / (std[:, None] * std)
    others = torch.ones(K, K).triu(1).bool()
    for first, second, _ in PAIRS:
        others[first, second] = False
    planted = [round(float(sign * correlation[first, second]), 4) for first, second, sign in PAIRS]
    return {"planted": planted, "others": float(correlation[others].abs().mean())}


@torch.no_grad()
def run_arm(arm: str, data: Data, seed: int, epochs: int) -> dict[str, Any]:
    """Train and measure."""
    found: dict[str, Any] = {"arm": arm, "seed": seed, "cpu_s": 0.0, "planted": None, "others": None}
    if arm == "true p":
        scores = binary_probit(data.logits.loc.double(), data.logits.variance.double().sqrt())
    else:
        with torch.enable_grad():
            head, found["cpu_s"] = train(arm, data, seed, epochs)
        scores = head(data.test_x)
        if isinstance(head, HeteroscedasticHead):
            found |= correlations(head, data.test_x)
    return found | {"gap": global_average_precision(scores.numpy(), data.test_y.numpy())}


def results(seeds: list[int], arms: list[str], sizes: Sizes, output: Path | None) -> list[dict[str, Any]]:
    """Run what is not in `output` yet."""

    def run(arm: str, seed: int) -> dict[str, Any]:
        return run_arm(arm, Data.draw(seed, sizes), seed, sizes.epochs)

    def path(arm: str, seed: int) -> Path | None:
        return None if output is None else output / f"{arm.replace(', ', '-').replace(' ', '-')}-{seed}.json"

    return [kept_result(path(arm, seed), partial(run, arm, seed)) for arm in arms for seed in seeds]


def bars(runs: list[dict[str, Any]]) -> dict[str, bool]:
    """Say which bars hold, on every seed."""
    of = {(run["arm"], run["seed"]): run for run in runs}
    joint = [run for run in runs if run["arm"] == JOINT]
    plain = [of.get(("linear", run["seed"])) for run in joint]
    return {
        "right sign for every planted pair": bool(joint) and all(min(run["planted"]) > 0 for run in joint),
        "gAP above the linear layer's": bool(joint)
        and all(other is not None and run["gap"] > other["gap"] for run, other in zip(joint, plain, strict=True)),
    }


def summarise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give mean (and deviation, or least) over the seeds, a row an arm."""
    rows = []
    for arm in dict.fromkeys(run["arm"] for run in runs):
        of = [run for run in runs if run["arm"] == arm]
        gaps, planted = [run["gap"] for run in of], [run["planted"] for run in of if run["planted"]]
        row = {"arm": arm, "gap": round(float(np.mean(gaps)), 4), "gap_std": round(float(np.std(gaps)), 4)}
        row["planted"] = round(float(np.mean(planted)), 3) if planted else None
        row["planted_least"] = round(float(np.min(planted)), 3) if planted else None
        row["others"] = round(float(np.mean([run["others"] for run in of])), 3) if planted else None
        rows.append(row | {"cpu_s": round(float(np.mean([run["cpu_s"] for run in of])), 1)})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Write the summary as plain text."""
    lines = [f"{'arm':<26}{'gAP':>16}{'planted':>10}{'least':>10}{'others':>10}{'CPU s':>8}"]
    for row in rows:
        cells = (row[key] for key in ("planted", "planted_least", "others"))
        numbers = "".join(f"{'' if cell is None else f'{cell:.3f}':>10}" for cell in cells)
        gap = f"{row['gap']:.4f} ({row['gap_std']:.4f})"
        lines.append(f"{row['arm']:<26}{gap:>16}{numbers}{row['cpu_s']:>8}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, help="folder of the results")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--arms", default="|".join(ARMS), help="with | between")
    parser.add_argument("--smoke", action="store_true", help="few rows, one epoch, one seed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
    seeds = [0] if options.smoke else [int(seed) for seed in options.seeds.split(",")]
    runs = results(seeds, options.arms.split("|"), SMOKE if options.smoke else Sizes(), options.output)
    print(table(summarise(runs)))
    report = {"benchmark": "het_multilabel", "smoke": options.smoke, "rows": summarise(runs), "bars": bars(runs)}
    print(json.dumps(report | {"runs": runs}))


if __name__ == "__main__":
    main()
