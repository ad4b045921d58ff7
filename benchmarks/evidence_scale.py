"""The evidence verifier on a million rows: seconds, memory, and how many true neighbours the search finds.

Command:  OMP_NUM_THREADS=2 python benchmarks/evidence_scale.py   (1,000,000 x 256, 100 classes; --smoke: 20,000 x 32)
Data:     Gaussian classes around centres at random, each row in float16 on disk, 30 % of labels wrong, 1,000 verified.
Bars:     fit and scores of all rows within 60 minutes and 8 GB; recall of the 50 nearest neighbours >= .9.
Floor:    reading the rows twice (fit, scores). What is compared with the bank of 131,072 rows is most of the work.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from noisette.functional.detection_metrics import auroc, average_error_rate
from noisette.types import Float32Array, IntArray
from noisette.verifier.evidence.context import index_of
from noisette.verifier.evidence.verifier import EvidenceVerifier

BLOCK = 50_000


class RowsOnDisk:
    """A feature table in a memory map, read a batch at a time."""

    def __init__(self, path: Path, num_classes: int) -> None:
        self.rows = np.load(path, mmap_mode="r")
        self.num_rows, self.num_features = self.rows.shape
        self.class_names = tuple(str(label) for label in range(num_classes))

    def iter_batches(self, batch_size: int) -> Iterator[Float32Array]:
        """Yield (B, D) blocks."""
        for start in range(0, self.num_rows, batch_size):
            yield np.asarray(self.rows[start : start + batch_size], dtype=np.float32)

    def take(self, rows: IntArray) -> Float32Array:
        """Give some rows."""
        return np.asarray(self.rows[rows], dtype=np.float32)


def generate(folder: Path, size: int, num_features: int, num_classes: int) -> tuple[RowsOnDisk, IntArray, IntArray]:
    """Write the rows; give them, the given labels, and whether they are correct."""
    rng = np.random.default_rng(0)
    truth = rng.integers(num_classes, size=size)
    centers = rng.normal(size=(num_classes, num_features)).astype(np.float32) * np.float32(0.35)
    path = folder / "features.npy"
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(size, num_features))
    for start in range(0, size, BLOCK):
        part = truth[start : start + BLOCK]
        rows[start : start + BLOCK] = centers[part] + rng.standard_normal((part.size, num_features), np.float32)
    rows.flush()
    wrong = rng.random(size) < 0.3
    given = np.where(wrong, (truth + rng.integers(1, num_classes, size)) % num_classes, truth)
    return RowsOnDisk(path, num_classes), given, (given == truth).astype(np.int64)


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="20,000 x 32")
    parser.add_argument("--output", type=Path, help="folder of the rows; a temporary one without it")
    options = parser.parse_args()
    size, num_features, num_classes = (20_000, 32, 20) if options.smoke else (1_000_000, 256, 100)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table, given, target = generate(folder, size, num_features, num_classes)
        labels = np.full(size, -1)
        chosen = np.random.default_rng(1).choice(size, 1000, replace=False)
        labels[chosen] = target[chosen]
        start, cpu = time.perf_counter(), time.process_time()
        verifier = EvidenceVerifier(random_state=0).fit(table, given, labels)
        fitted = time.perf_counter()
        print(f"fitted after {(fitted - start) / 60:.1f} minutes, {peak_gigabytes():.1f} GB at most", flush=True)
        scores = np.concatenate([found for found, _, _ in verifier.iter_scores(table, given)])  # as `detect` does
        done = time.perf_counter()
        rest = labels < 0
        verdict = verifier.verdict_of_scores(scores)
        result = {
            "rows": size,
            "num_features": num_features,
            "fit_minutes": round((fitted - start) / 60, 2),
            "score_minutes": round((done - fitted) / 60, 2),
            "cpu_minutes": round((time.process_time() - cpu) / 60, 2),
            "peak_gb": round(peak_gigabytes(), 2),
            "recall": round(index_of(verifier.context).recall, 3),
            "auroc": round(auroc(scores[rest], target[rest]), 4),
            "error": round(average_error_rate(verdict[rest], target[rest], given[rest]), 4),
        }
    print("\n".join(f"{name:<14}{value}" for name, value in result.items()))
    within = result["fit_minutes"] + result["score_minutes"] <= 60 and result["peak_gb"] <= 8
    print(
        json.dumps(
            {"benchmark": "evidence_scale", "smoke": options.smoke, **result}
            | {"holds": bool(within and result["recall"] >= 0.9)}
        )
    )


if __name__ == "__main__":
    main()
