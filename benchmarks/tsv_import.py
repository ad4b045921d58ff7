"""How fast a reference TSV is imported, every row check on, against a plain Python parser that does the same.

Command: ``python benchmarks/tsv_import.py`` (about a minute on one core, 240 MB of disk in the temporary folder);
``--smoke`` takes seconds. Expected: at least 1.8 times the rival (measured: see the JSON line).

The rival reads line by line, splits at tabs and commas, parses every number with ``float()``, and makes the same
checks: number of columns and features, finite numbers, known class, verification label, duplicate key. Both give
float32 rows, keys, class ids, verification labels and line numbers, which are compared. Runs alternate; best of each.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from noisette.data import FeatureBatch, read_reference_tsv
from noisette.types import BadRows

CLASS_NAMES = tuple(f"class {number}" for number in range(101))
BATCH = 1024
BAR = 1.8


def write_tsv(path: Path, num_rows: int, num_features: int) -> None:
    generator = np.random.default_rng(0)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in range(num_rows):
            values = np.maximum(generator.normal(size=num_features), 0)
            numbers = ",".join(map("{:.4f}".format, values.tolist()))
            file.write(f"images/{row:08d}.jpg\t{CLASS_NAMES[row % 101]}\t{row % 2}\t{numbers}\n")


def rival(path: Path, num_features: int) -> Iterator[FeatureBatch]:
    ids = {name: number for number, name in enumerate(CLASS_NAMES)}
    seen: set[str] = set()
    keys: list[str] = []
    labels: list[int] = []
    verdicts: list[int] = []
    lines: list[int] = []
    features = np.empty((BATCH, num_features), dtype=np.float32)
    with path.open(encoding="utf-8") as file:
        for line, text in enumerate(file, start=1):
            fields = text.rstrip("\n").split("\t")
            if len(fields) != 4:
                raise ValueError(f"{path}:{line}: wrong number of columns")
            key, name, verdict, numbers = fields
            values = list(map(float, numbers.split(",")))
            if len(values) != num_features or not all(map(math.isfinite, values)):
                raise ValueError(f"{path}:{line}: bad features")
            if name not in ids or verdict not in ("0", "1", "-1") or not key or key in seen:
                raise ValueError(f"{path}:{line}: bad class, verification label or key")
            seen.add(key)
            features[len(keys)] = values
            keys.append(key)
            labels.append(ids[name])
            verdicts.append(int(verdict))
            lines.append(line)
            if len(keys) == BATCH:
                yield FeatureBatch(keys, features, np.array(labels), np.array(verdicts), np.array(lines))
                keys, labels, verdicts, lines = [], [], [], []
                features = np.empty((BATCH, num_features), dtype=np.float32)
    if keys:
        yield FeatureBatch(keys, features[: len(keys)], np.array(labels), np.array(verdicts), np.array(lines))


def ours(path: Path, num_features: int) -> Iterator[FeatureBatch]:
    bad = BadRows(on_error="stop")
    return read_reference_tsv(
        path, CLASS_NAMES, bad, verified=True, num_features=num_features, batch_size=BATCH, dtype="float32"
    )


def checksum(batches: Iterator[FeatureBatch]) -> tuple[int, float, int, int, int]:
    """Use every part of every row, so that nobody can skip it; equal for equal rows however they are batched."""
    rows, total, marks, lines, letters = 0, 0.0, 0, 0, 0
    for batch in batches:
        assert batch.given_labels is not None
        assert batch.verification_labels is not None
        rows += len(batch.keys)
        total += float(batch.features.sum(dtype=np.float64, axis=1).round(3).sum())
        marks += int((batch.given_labels * 2 + batch.verification_labels).sum())
        lines += int(batch.lines.sum())
        letters += sum(map(len, batch.keys))
    return rows, round(total, 1), marks, lines, letters


def timed(read: Callable[[Path, int], Iterator[FeatureBatch]], path: Path, num_features: int) -> tuple[float, object]:
    start = time.perf_counter()
    result = checksum(read(path, num_features))
    return time.perf_counter() - start, result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a small file, two runs each")
    parser.add_argument("--rows", type=int, default=16000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows, repeats = (1000, 2) if options.smoke else (options.rows, options.repeats)
    times: dict[str, list[float]] = {"noisette": [], "python float()": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "verified.tsv"
        write_tsv(path, rows, options.features)
        megabytes = path.stat().st_size / 1e6
        for _ in range(repeats):
            seconds, mine = timed(ours, path, options.features)
            times["noisette"].append(seconds)
            seconds, theirs = timed(rival, path, options.features)
            times["python float()"].append(seconds)
            if mine != theirs:
                raise SystemExit(f"the two readers disagree: {mine} and {theirs}")
    speeds = {name: megabytes / min(found) for name, found in times.items()}
    print(f"{rows} rows x {options.features} features, {megabytes:.0f} MB, best of {repeats}")
    for name, speed in speeds.items():
        print(f"{name:>16}  {speed:7.1f} MB/s")
    ratio = speeds["noisette"] / speeds["python float()"]
    print(f"{'ratio':>16}  {ratio:7.2f}  (bar {BAR})")
    print(
        json.dumps(
            {
                "benchmark": "tsv_import",
                "rows": rows,
                "features": options.features,
                "megabytes": round(megabytes, 1),
                "mb_per_s": round(speeds["noisette"], 1),
                "rival": "python float()",
                "rival_mb_per_s": round(speeds["python float()"], 1),
                "ratio": round(ratio, 2),
                "bar": BAR,
                "smoke": options.smoke,
            }
        )
    )
    return 0 if options.smoke or ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
