"""Peak memory of `noisette score` on Parquet tables of different lengths: it must not grow with the table.

Command: python benchmarks/score_memory.py --output runs/score_memory     Cost: 2 minutes of two cores, 1.3 GB disk.
Bars: 1,000,000 x 512 float16 within 1 GB of peak memory; 200,000 rows within 10 % of the same.
The rival is the same table read whole into memory by numpy: 2 bytes a number for the table alone, 4 once it is float32.
The floor is what an interpreter that has imported torch, pyarrow and scikit-learn takes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WIDTH, NUM_CLASSES = 512, 100
PEAK = """
import resource, sys
def peak():
    try:  # the largest resident size since the program was loaded; ru_maxrss counts the parent's at the fork, too
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
"""
MEASURED = (
    PEAK
    + """
from noisette.cli import main
sys.argv = ["noisette", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
print(peak(), file=sys.stderr)
"""
)
FLOOR = (
    PEAK
    + """
import torch, pyarrow.parquet, sklearn.cluster, noisette.verifier.cleannet.verifier
print(peak(), file=sys.stderr)
"""
)


def write_table(path: Path, rows: int) -> None:
    """Write key, given_label and float16 features in row groups of 8,192."""
    rng = np.random.default_rng(0)
    centres = rng.random((NUM_CLASSES, WIDTH), dtype=np.float32)
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, 8192):
        size = min(8192, rows - start)
        labels = rng.integers(0, NUM_CLASSES, size)
        values = (centres[labels] + rng.random((size, WIDTH), dtype=np.float32)).astype(np.float16)
        block = pa.table(
            {
                "key": [f"{i:09d}" for i in range(start, start + size)],
                "given_label": pa.array(labels, pa.int32()),
                "features": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), WIDTH),
            }
        )
        writer = pq.ParquetWriter(path, block.schema, compression="none") if writer is None else writer
        writer.write_table(block)
    assert writer is not None
    writer.close()


def fit_verifier(path: Path) -> None:
    """Fit a small CleanNet on data of the same shape."""
    from noisette import CleanNetVerifier

    rng = np.random.default_rng(1)
    labels = rng.integers(0, NUM_CLASSES, 4000)
    features = rng.random((NUM_CLASSES, WIDTH))[labels] + rng.random((4000, WIDTH))
    verified = np.where(rng.random(4000) < 0.2, rng.integers(0, 2, 4000), -1)
    recipe = {"num_steps": 2}
    CleanNetVerifier(recipe=recipe).fit(features, labels, verified).save(path)


def peak_bytes(code: str, *arguments: str) -> int:
    """Run code in a fresh interpreter; it prints its own peak memory last, on stderr."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return int(done.stderr.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="2,000 and 10,000 rows")
    parser.add_argument("--output", type=Path, help="folder that keeps tables and results, so that a run resumes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        lengths = (2_000, 10_000) if options.smoke else (200_000, 1_000_000)
        measure(folder, lengths)


def measure(folder: Path, lengths: tuple[int, int]) -> None:
    verifier = folder / "verifier"
    if not verifier.exists():
        fit_verifier(verifier)
    floor = peak_bytes(FLOOR)
    print(f"imports alone        {floor / 1e6:8.0f} MB")
    peaks = {}
    for rows in lengths:
        table = folder / f"{rows}.parquet"
        if not table.exists():
            write_table(table, rows)
        options = ["score", "--features", str(table), "--verifier", str(verifier), "--output", str(folder / "out.tsv")]
        peaks[rows] = peak_bytes(MEASURED, *options)
        whole = rows * WIDTH * 6
        print(
            f"{rows:9,d} rows      {peaks[rows] / 1e6:8.0f} MB   (the table whole in memory: {whole / 1e6:.0f} MB more)"
        )
    short, long = lengths
    result = {
        "benchmark": "score_memory",
        "rows": lengths,
        "peak_bytes": list(peaks.values()),
        "imports_bytes": floor,
        "short_to_long": round(peaks[short] / peaks[long], 4),
        "ratio_to_whole_in_memory": round((peaks[long] - floor) / (long * WIDTH * 6), 4),
        "holds": peaks[long] <= 1e9 and peaks[long] <= 1.1 * peaks[short],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
