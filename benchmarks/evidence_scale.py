"""The evidence verifier on a million rows: minutes, memory, and how many true neighbours the search finds.

Command:  OMP_NUM_THREADS=1 python benchmarks/evidence_scale.py --output runs/scale --data isotropic   (or latent)
          1,000,000 x 256, 100 classes (--rows, --classes: other sizes); --smoke: 20,000 x 32. What is done is kept in
          the folder: data, fitted verifier and scores of 50,000 rows at a time; run it again after a stop. Minutes are
          those of the work that counts.
Data:     Gaussian classes around centres at random, rows in float16 on disk, 30 % of labels wrong, 1,000 verified.
          isotropic: noise of the same size in all 256 columns, so neighbours are hardly nearer than others and no
          index can spare a query most of the bank. latent: 24 directions with overlapping classes and a little noise in
          all columns, as features of a network have a few directions that matter.
Bars:     fit and scores of all rows within 60 minutes and 8 GB; recall of the 50 nearest neighbours in the bank >= .9
          on 10,000 rows.
Floor:    a product of every row with every row of the bank, where cells do not help: 1e6 x 65,536 x 256 x 2 operations,
          6 to 8 minutes of one core at 70 to 90 GFLOP/s.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noisette import load_verifier
from noisette.files import atomic_folder, atomic_open, atomic_path
from noisette.functional.detection_metrics import auroc, average_error_rate
from noisette.neighbors.recall import RECALL_AT, true_neighbors
from noisette.neighbors.unit_rows import unit_rows
from noisette.types import Float32Array, Float64Array, IntArray
from noisette.types.row_hashes import row_hashes
from noisette.verifier.evidence.context import index_of
from noisette.verifier.evidence.verifier import EvidenceVerifier

BLOCK, CHECKED, DIRECTIONS = 50_000, 10_000, 24


class RowsOnDisk:
    """A feature table in a memory map, read a batch at a time."""

    def __init__(self, path: Path, num_classes: int, rows: slice = slice(None)) -> None:
        self.rows = np.load(path, mmap_mode="r")[rows]
        self.num_rows, self.num_features = self.rows.shape
        self.class_names = tuple(str(label) for label in range(num_classes))

    def iter_batches(self, batch_size: int) -> Iterator[Float32Array]:
        """Yield (B, D) blocks."""
        for start in range(0, self.num_rows, batch_size):
            yield np.asarray(self.rows[start : start + batch_size], dtype=np.float32)

    def take(self, rows: IntArray) -> Float32Array:
        """Give some rows."""
        return np.asarray(self.rows[rows], dtype=np.float32)


def generate(path: Path, size: int, num_features: int, num_classes: int, kind: str) -> tuple[IntArray, IntArray]:
    """Write the rows, unless they are there; give the given labels, and whether they are correct."""
    rng = np.random.default_rng(0)
    truth = rng.integers(num_classes, size=size)
    wrong = rng.random(size) < 0.3
    given = np.where(wrong, (truth + rng.integers(1, num_classes, size)) % num_classes, truth)
    width = num_features if kind == "isotropic" else min(DIRECTIONS, num_features // 2)
    centers = rng.normal(size=(num_classes, width)).astype(np.float32)
    basis = np.linalg.qr(rng.normal(size=(num_features, width)))[0].T.astype(np.float32)
    if not path.exists():
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            header = {"descr": "<f2", "fortran_order": False, "shape": (size, num_features)}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, size, BLOCK):
                part = truth[start : start + BLOCK]
                inside = rng.standard_normal((part.size, width), np.float32)
                if kind == "isotropic":
                    rows = np.float32(0.35) * centers[part] + inside
                else:
                    noise = rng.standard_normal((part.size, num_features), np.float32)
                    rows = (centers[part] + inside) @ basis + np.float32(0.05) * noise
                file.write(rows.astype("<f2").tobytes())
    return given, (given == truth).astype(np.int64)


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


class Clock:
    """Minutes of wall time and of the processor since it was made, and the peak of memory so far."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Give "minutes", "cpu_minutes" and "gb"."""
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return {"minutes": wall / 60, "cpu_minutes": cpu / 60, "gb": peak_gigabytes()}


def write(path: Path, values: dict[str, Any]) -> None:
    with atomic_open(path) as file:
        file.write(json.dumps(values) + "\n")


def fitted(folder: Path, table: RowsOnDisk, given: IntArray, labels: IntArray) -> dict[str, float]:
    """Fit and save the verifier, unless that is done; give what it cost."""
    cost = folder / "fit.json"
    if not cost.exists():
        clock = Clock()
        verifier = EvidenceVerifier(random_state=0).fit(table, given, labels)
        verifier.save(folder / "verifier")
        write(cost, clock.read())
    found: dict[str, float] = json.loads(cost.read_text(encoding="utf-8"))
    print(f"fitted: {found}", flush=True)
    return found


def scored(folder: Path, path: Path, given: IntArray, num_classes: int) -> tuple[Float64Array, list[dict[str, float]]]:
    """Score block by block what is not scored yet, as `detect` does; give scores and what each block cost."""
    verifier, scores, costs = load_verifier(folder / "verifier"), [], []
    for start in range(0, given.size, BLOCK):
        block = folder / f"block-{start}"
        if not block.exists():
            clock, part = Clock(), slice(start, start + BLOCK)
            table = RowsOnDisk(path, num_classes, part)
            found = np.concatenate([found for found, _, _ in verifier.iter_scores(table, given[part])])
            with atomic_folder(block) as temporary:
                np.save(temporary / "scores.npy", found)
                write(temporary / "cost.json", clock.read())
        scores.append(np.load(block / "scores.npy"))
        costs.append(json.loads((block / "cost.json").read_text(encoding="utf-8")))
        print(f"{min(start + BLOCK, given.size):>9} rows scored: {costs[-1]}", flush=True)
    return np.concatenate(scores), costs


def measured_recall(verifier: EvidenceVerifier, table: RowsOnDisk) -> float:
    """Give the share of the 50 rows of the bank with the largest cosines, in all columns, that a search finds."""
    index = index_of(verifier.context)
    # The bank counts rows among those that the verifier was fitted on; here they are found in the whole table.
    everything = np.concatenate([row_hashes(block) for block in table.iter_batches(BLOCK)])
    order = np.argsort(everything)
    rows = order[np.searchsorted(everything[order], index.bank.hashes)]
    bank = replace(index.bank, rows=rows)
    chosen = np.sort(np.random.default_rng(2).choice(table.num_rows, min(CHECKED, table.num_rows), replace=False))
    features, hits, wanted = table.take(chosen), 0, 0
    hashes = row_hashes(features)
    for start in range(0, chosen.size, 2000):
        part = slice(start, start + 2000)
        truth = true_neighbors(unit_rows(features[part], index.mean), hashes[part], table, bank, index.mean)
        found = index.search(features[part], RECALL_AT, exclude=hashes[part]).rows
        hits += sum(np.intersect1d(a, b[b >= 0]).size for a, b in zip(found, truth, strict=True))
        wanted += int((truth >= 0).sum())
    return hits / max(wanted, 1)


def run(folder: Path, kind: str, size: int, num_features: int, num_classes: int) -> dict[str, Any]:
    """Do what is not done yet; give the figures."""
    path = folder / "features.npy"
    given, target = generate(path, size, num_features, num_classes, kind)
    labels = np.full(size, -1)
    chosen = np.random.default_rng(1).choice(size, 1000, replace=False)
    labels[chosen] = target[chosen]
    table = RowsOnDisk(path, num_classes)
    fit = fitted(folder, table, given, labels)
    scores, costs = scored(folder, path, given, num_classes)
    verifier = load_verifier(folder / "verifier")
    assert isinstance(verifier, EvidenceVerifier)
    rest, verdict = labels < 0, verifier.verdict_of_scores(scores)
    index = index_of(verifier.context)
    return {
        "data": kind,
        "rows": size,
        "num_features": num_features,
        "classes": num_classes,
        "fit_minutes": round(fit["minutes"], 2),
        "score_minutes": round(sum(cost["minutes"] for cost in costs), 2),
        "fit_cpu_minutes": round(fit["cpu_minutes"], 2),
        "score_cpu_minutes": round(sum(cost["cpu_minutes"] for cost in costs), 2),
        "peak_gb": round(max(cost["gb"] for cost in [fit, *costs]), 2),
        "bank": index.size,
        "cells": 0 if index.cells is None else len(index.cells.centres),
        "recall": round(measured_recall(verifier, table), 3),
        "auroc": round(auroc(scores[rest], target[rest]), 4),
        "error": round(average_error_rate(verdict[rest], target[rest], given[rest]), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="20,000 x 32")
    parser.add_argument("--data", choices=("isotropic", "latent"), default="isotropic")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--output", type=Path, help="folder of what is done; a temporary one without it")
    options = parser.parse_args()
    sizes = (20_000, 32, 20) if options.smoke else (options.rows, 256, options.classes)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.output or Path(temporary)) / "-".join([options.data, *map(str, sizes)])
        folder.mkdir(parents=True, exist_ok=True)
        result = run(folder, options.data, *sizes)
    print("\n".join(f"{name:<18}{value}" for name, value in result.items()))
    within = result["fit_minutes"] + result["score_minutes"] <= 60 and result["peak_gb"] <= 8
    holds = bool(within and result["recall"] >= 0.9)
    print(json.dumps({"benchmark": "evidence_scale", "smoke": options.smoke, **result, "holds": holds}))


if __name__ == "__main__":
    main()
