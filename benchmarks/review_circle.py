"""The whole circle: pictures -> review -> refit -> fewer mistakes on classes that nobody has looked at.

Command: OMP_NUM_THREADS=1 python benchmarks/review_circle.py --output runs/review_circle
         (--picture docs/review_circle.png draws the curve)
Cost: some six minutes of one core; a run that is stopped goes on where it was.
Data: the demo's 1,797 handwritten digits (scikit-learn), one label in five wrong, the wrong ones mostly within pairs of
digits that look alike; no label verified. Five seeds draw other wrong labels and another order of review.

`noisette review` runs as a process of its own. A script takes pictures of five of the ten classes from the page's grid,
in an order drawn by chance, and answers each from the truth: correct, or wrong and the right class. At 10, 25, 50, 100,
200 and 400 decisions it presses the page's refit, waits, and the verdicts are compared with the truth.

Error: the mean over classes of the share of wrong verdicts (the CleanNet paper's average error), over the five classes
without a decision, and over the labels of the five reviewed classes that have none. AUROC: of the score, 0.5 = chance.
What must hold: over the seeds, the mean error on the classes without a decision is lower at the end than at the start,
and the paired difference has a 95 % interval (t) below 0. --smoke: one seed, 0 and 50 decisions.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import t as student
from sklearn.datasets import load_digits

from arm_runs import kept_result
from noisette.files import atomic_path
from noisette.functional.detection_metrics import auroc, average_error_rate
from noisette.functional.noise import inject_label_noise, noise_transition
from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.demo import CLASS_NAMES, CONFUSABLE, NOISE_RATES, VERIFIED_CLASSES
from noisette.pipeline.detect import detect
from noisette.pipeline.embed import embed
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import Workspace, open_workspace
from noisette.types import IntArray

BUDGETS = (0, 10, 25, 50, 100, 200, 400)
SEEDS = 5
FIGURES = ("error_outside", "error_inside", "auroc_outside", "auroc_inside")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="folder of the results; one JSON a seed")
    parser.add_argument("--picture", type=Path, help="where to draw the curve")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    budgets, seeds = ((0, 50), 1) if options.smoke else (BUDGETS, SEEDS)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) if options.smoke or options.output is None else options.output
        output.mkdir(parents=True, exist_ok=True)
        runs = [_run(budgets, seed, output / f"seed_{seed}.json") for seed in range(seeds)]
    summary = summarise(budgets, runs)
    _print_table(summary)
    if options.picture is not None:
        draw(summary, options.picture)
    print(json.dumps(summary))


def _run(budgets: tuple[int, ...], seed: int, path: Path) -> list[dict[str, Any]]:
    """Give the figures of one seed, a row a budget, measured now or before."""

    def run() -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            workspace, truth = make_workspace(Path(folder), seed)
            return list(go_round(workspace, truth, budgets, seed))

    found: list[dict[str, Any]] = kept_result(path, run)
    print(f"seed {seed}: error outside {found[0]['error_outside']:.2%} -> {found[-1]['error_outside']:.2%}", flush=True)
    return found


def make_workspace(root: Path, seed: int) -> tuple[Workspace, IntArray]:
    """Make pictures of digits, wrong labels on some, and a workspace with features and first scores."""
    images, truth = load_digits(return_X_y=True)
    transition = noise_transition(len(CLASS_NAMES), NOISE_RATES, confusable=CONFUSABLE)
    given = inject_label_noise(truth.astype(np.int64), transition, random_state=seed)
    for number, (pixels, label) in enumerate(zip(images.reshape(-1, 8, 8), given, strict=True)):
        path = root / "images" / CLASS_NAMES[label] / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        ink = np.uint8(255) - (pixels * (255 / 16)).astype(np.uint8)
        Image.fromarray(ink).resize((64, 64), Image.Resampling.NEAREST).save(path)
    (root / "names.txt").write_text("\n".join(CLASS_NAMES), encoding="utf-8")
    settings = Settings().with_options(project={"title": "Digits"}, embed={"backbone": "pixels"})
    create_from_images(root / "work", ImageSource(images=root / "images", classes=root / "names.txt"), settings)
    workspace = open_workspace(root / "work")
    embed(workspace)
    detect(workspace)
    return workspace, truth.astype(np.int64)


def go_round(workspace: Workspace, truth: IntArray, budgets: tuple[int, ...], seed: int) -> Iterator[dict[str, Any]]:
    """Review and refit through the page; yield the figures after each refit."""
    with reviewing(workspace) as client:
        tiles = [tile for label in VERIFIED_CLASSES for tile in tiles_of(client, label)]
        order = np.random.default_rng(seed).permutation(len(tiles))
        done = 0
        for budget in budgets:
            for place in order[done:budget]:
                answer(client, tiles[place], truth)
            if budget > 0:
                refit(client)
            done = budget
            yield {"decisions": budget} | measure(workspace, truth, {tiles[place]["key"] for place in order[:budget]})


@contextmanager
def reviewing(workspace: Workspace) -> Iterator[httpx.Client]:
    """Run `noisette review`, give a client of it."""
    command = [sys.executable, "-m", "noisette", "review", "-w", str(workspace.root), "--port", "0", "--json"]
    with subprocess.Popen([*command, "--reviewer", "script"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = json.loads(server.stdout.readline())["url"]
            with httpx.Client(base_url=url, headers={"X-Noisette": "1"}, timeout=60) as client:
                yield client
        finally:
            server.terminate()


def tiles_of(client: httpx.Client, class_id: int) -> list[dict[str, Any]]:
    """Give all tiles of a class, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked: dict[str, str | int] = {"class_id": class_id, "cursor": cursor, "limit": 200}
        page = client.get("/api/grid", params=asked).raise_for_status().json()
        found, cursor = found + page["items"], page["next_cursor"]
    return found


def answer(client: httpx.Client, tile: dict[str, Any], truth: IntArray) -> None:
    """Decide on a picture as somebody who knows what it is."""
    label = int(truth[_number(tile["key"])])
    body: dict[str, Any] = {"client_id": f"circle-{tile['id']}", "sample_id": tile["id"], "verdict": "correct"}
    if label != tile["given_label"]:
        body |= {"verdict": "wrong", "correct_label": label}
    client.post("/api/decisions", json=body).raise_for_status()


def refit(client: httpx.Client) -> None:
    """Press the button, and wait until the verifier is refitted."""
    client.post("/api/refit", json={}).raise_for_status()
    while (state := client.get("/api/refit").json())["state"] == "running":
        time.sleep(0.3)
    assert state["state"] == "done", state["error"]


def measure(workspace: Workspace, truth: IntArray, decided: set[str]) -> dict[str, float]:
    """Compare the verdicts with the truth, on labels that nobody decided on, in reviewed classes and in the others."""
    table = read_scores(workspace.scores("evidence"))
    given, scores = table.scores.given_label, table.scores.score
    correct = (given == truth[[_number(key) for key in table.keys]]).astype(np.int64)
    verdict = ~table.scores.is_label_issue
    is_open = np.array([key not in decided for key in table.keys])
    is_inside = np.isin(given, VERIFIED_CLASSES)
    figures = {}
    for name, rows in (("outside", is_open & ~is_inside), ("inside", is_open & is_inside)):
        figures[f"error_{name}"] = average_error_rate(verdict[rows], correct[rows], given[rows])
        figures[f"auroc_{name}"] = auroc(scores[rows], correct[rows])
    return figures


def _number(key: str) -> int:
    return int(Path(key).stem)


def summarise(budgets: tuple[int, ...], runs: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Give mean and standard error over seeds of each figure, and what must hold."""
    values = {name: np.array([[row[name] for row in run] for run in runs]) for name in FIGURES}
    falls = values["error_outside"][:, -1] - values["error_outside"][:, 0]
    rows = []
    for place, budget in enumerate(budgets):
        row: dict[str, Any] = {"decisions": budget}
        for name, found in values.items():
            row[name] = float(found[:, place].mean())
            row[f"{name}_se"] = _standard_error(found[:, place])
        rows.append(row)
    high = float(student.ppf(0.975, len(runs) - 1)) * _standard_error(falls) if len(runs) > 1 else 0.0
    interval = [float(falls.mean()) - high, float(falls.mean()) + high]
    return {"seeds": len(runs), "rows": rows, "change_outside": interval, "holds": interval[1] < 0}


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else 0.0


def _print_table(summary: dict[str, Any]) -> None:
    print("decisions | error, other classes | error, reviewed classes | AUROC, other | AUROC, reviewed")
    for row in summary["rows"]:
        errors = " | ".join(f"{row[f'error_{n}']:.2%} ± {row[f'error_{n}_se']:.2%}" for n in ("outside", "inside"))
        areas = " | ".join(f"{row[f'auroc_{n}']:.4f}" for n in ("outside", "inside"))
        print(f"{row['decisions']:9} | {errors} | {areas}")
    low, high = summary["change_outside"]
    print(f"change of the error on the other classes, first to last: {low:+.2%} to {high:+.2%}")


def draw(summary: dict[str, Any], path: Path) -> None:
    """Draw both errors by the number of decisions."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    rows = summary["rows"]
    places = range(len(rows))
    for name, words, color, marker in (
        ("error_outside", "classes that nobody looked at", "#8a4b1c", "o"),
        ("error_inside", "other labels of the reviewed classes", "#17756f", "s"),
    ):
        values, spread = (np.array([100 * row[key] for row in rows]) for key in (name, f"{name}_se"))
        axes.errorbar(places, values, 1.96 * spread, color=color, marker=marker, capsize=3, label=words)
    axes.set(xlabel="decisions in five of the ten classes", ylabel="wrong verdicts (%)", ylim=(0, None))
    axes.set_xticks(list(places), [str(row["decisions"]) for row in rows])
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


if __name__ == "__main__":
    main()
