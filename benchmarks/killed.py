"""kill -9 at every flush, move and link of every step, then the step again: the bytes of an undisturbed run?

Command:  python benchmarks/killed.py --output runs/killed      Cost: half an hour. --smoke: one kill a step.
A step writes under a temporary name, flushes, renames: each flush is a moment at which a kill leaves the most behind.
The database of decisions is compared by the decisions in force (its own kill test is in tests/store), everything else
byte by byte. Rival: a step that writes in place, half written after a kill at any of these moments: a ratio of 0.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from noisette.data import write_class_list
from noisette.store import ReviewStore

SCRIPT = Path(__file__).resolve().parents[1] / "tests" / "pipeline" / "killed.py"
CLASSES = ("apple pie", "bun", "crème", "dill", "egg", "fig")
ROWS, WIDTH = 240, 8
Step = tuple[str, Callable[[Path], list[str]]]


def write_files(folder: Path) -> None:
    """Write features, labels, classes, verified labels, and a reference TSV."""
    rng = np.random.default_rng(0)
    truth = np.arange(ROWS) % len(CLASSES)
    centres = rng.random((len(CLASSES), WIDTH)) * 2
    values = (centres[truth] + rng.random((ROWS, WIDTH))).astype(np.float32)
    given = np.where(rng.random(ROWS) < 0.25, rng.integers(0, len(CLASSES), ROWS), truth)
    folder.mkdir(parents=True)
    np.save(folder / "features.npy", values)
    write_class_list(folder / "classes.txt", CLASSES)
    labels = "".join(f"{i}\t{CLASSES[label]}\n" for i, label in enumerate(given))
    (folder / "labels.tsv").write_text("key\tgiven_label\n" + labels, encoding="utf-8")
    checked = [f"{i},{int(given[i] == truth[i])}\n" for i in range(1, ROWS, 2)]
    (folder / "verified.csv").write_text("key,verification_label\n" + "".join(checked), encoding="utf-8")
    write_pictures(folder / "pictures", truth, given)
    rows = [f"k{i}\t{CLASSES[given[i]]}\t{','.join(map(str, values[i]))}\n" for i in range(ROWS)]
    (folder / "all.tsv").write_text("".join(rows), encoding="utf-8")


def write_pictures(folder: Path, truth: np.ndarray, given: np.ndarray) -> None:
    """Write a picture a sample into the folder of its given label; two are broken."""
    rng = np.random.default_rng(1)
    patterns = rng.integers(0, 256, (len(CLASSES), 8, 8, 3))
    for i, label in enumerate(given):
        path = folder / CLASSES[label] / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.clip(patterns[truth[i]] + rng.integers(-40, 40, (8, 8, 3)), 0, 255)
        Image.fromarray(values.astype(np.uint8)).save(path)
        if i in (30, 150):
            path.write_bytes(b"no picture")


def steps(files: Path) -> list[Step]:
    """Give each step's name and its arguments in a folder that holds what the steps before it made."""
    sources = ["--features", "features.npy", "--labels", "labels.tsv", "--classes", "classes.txt"]
    sources = [str(files / word) if (files / word).exists() else word for word in sources]
    detect = ["--num-references", "4", "--num-steps", "20"]
    return [
        ("init", lambda root: ["init", f"{root}/w", *sources, "--verified", f"{files}/verified.csv", "--title", "t"]),
        ("detect", lambda root: ["detect", "-w", f"{root}/w", "--verifier", "auto", *detect]),
        ("report", lambda root: ["report", "-w", f"{root}/w"]),
        (
            "evaluate",
            lambda root: ["evaluate", "-w", f"{root}/w", "--held-out", "0.4", "--verifiers", "average,filtering"],
        ),
        ("export", lambda root: ["export", f"{root}/labels.csv", "-w", f"{root}/w"]),
        (
            "score",
            lambda root: [
                *("score", "--features", f"{files}/all.tsv"),
                *("--verifier", f"{root}/w/verifiers/cleannet", "--output", f"{root}/scores.tsv"),
            ],
        ),
        (
            "convert",
            lambda root: ["convert", f"{files}/all.tsv", f"{root}/all.parquet", "--class-list", f"{files}/classes.txt"],
        ),
        *picture_steps(files),
    ]


def picture_steps(files: Path) -> list[Step]:
    """Give the steps of a second workspace, made from pictures."""
    embed = ["--backbone", "pixels:4", "--batch-size", "4", "--num-workers", "0"]
    return [
        ("init-pictures", lambda root: ["init", f"{root}/p", "--images", f"{files}/pictures", "--title", "p"]),
        ("embed", lambda root: ["embed", "-w", f"{root}/p", *embed]),
        ("detect-pictures", lambda root: ["detect", "-w", f"{root}/p", "--verifier", "filtering"]),
        ("export-folder", lambda root: ["export", f"{root}/cleaned", "--as", "imagefolder", "-w", f"{root}/p"]),
        ("export-shards", lambda root: ["export", f"{root}/shards", "--as", "webdataset", "-w", f"{root}/p"]),
    ]


def run(kill_at: int, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, to be killed at its n-th flush; 0 = never."""
    command = [sys.executable, str(SCRIPT), str(kill_at), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def contents(root: Path) -> dict[str, bytes]:
    """Give every file's bytes; of the database the decisions in force, without their times."""
    paths = [path for path in root.rglob("*") if path.is_file() and "reviews.sqlite" not in path.name]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    with ReviewStore(root / "w" / "reviews.sqlite") as store:
        latest = sorted((key, review.verification_label) for key, review in store.latest().items())
    return found | {"decisions": json.dumps(latest).encode()}


def try_step(base: Path, scratch: Path, make: Callable[[Path], list[str]], sampled: int | None) -> tuple[int, int]:
    """Kill a step at its flushes; give how many kills there were, and after how many the bytes came out the same."""
    whole = scratch / "whole"
    shutil.copytree(base, whole)
    done = run(0, make(whole))
    if done.returncode:
        raise SystemExit(f"the undisturbed run failed: {done.stderr}")
    expected = contents(whole)
    flushes = int(done.stdout.splitlines()[-1])
    moments = range(1, flushes + 1) if sampled is None else range(1, flushes + 1, max(1, flushes // sampled))[:sampled]
    same = 0
    for moment in moments:
        root = scratch / "killed"
        shutil.copytree(base, root)
        run(moment, make(root))
        # A kill at the very last flush of `init` finds the workspace finished, and a second `init` says so.
        run(0, make(root))
        same += contents(root) == expected
        shutil.rmtree(root)
    shutil.rmtree(base)
    whole.rename(base)
    return len(moments), same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one kill a step")
    parser.add_argument("--output", type=Path, help="folder of the results; a step that is there is not tried again")
    options = parser.parse_args()
    results: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        write_files(scratch / "files")
        base = scratch / "base"
        base.mkdir()
        for name, make in steps(scratch / "files"):
            kept = None if options.output is None else options.output / f"{name}.json"
            if kept is not None and kept.exists():
                results[name] = json.loads(kept.read_text(encoding="utf-8"))
                run(0, make(base))
            else:
                results[name] = list(try_step(base, scratch, make, 1 if options.smoke else None))
                if kept is not None:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_text(json.dumps(results[name]), encoding="utf-8")
            kills, same = results[name]
            print(f"{name:14s} killed {kills:3d} times, the same bytes after {same:3d}", flush=True)
    kills, same = (sum(result[i] for result in results.values()) for i in (0, 1))
    print(
        json.dumps({"benchmark": "killed", "kills": kills, "same": same, "ratio": same / kills, "holds": same == kills})
    )


if __name__ == "__main__":
    main()
