"""What nearest neighbours cost: the exact search against bare matrix products, and a million rows by cells.

Command: python benchmarks/neighbors.py            (two to six minutes and 4 GB of memory on two cores)
         python benchmarks/neighbors.py --smoke    (seconds; numbers mean nothing)

Data, made up:
  exact  50,000 x 512 normal rows, each with its 200 nearest others. The floor is the matrix product alone, 2 N N D
         operations in blocks of 1,000 rows; a part of the rows is timed and scaled up. Both are CPU seconds.
  cells  1,000,000 x 256 rows of 1,000 classes, each a cloud of 24 dimensions around its own centre with a little noise
         in all 256. Index, 200 nearest others of every row, duplicates; recall@50 on 10,000 rows against the exact
         search.
Floors: exact <= 2 x bare; recall@50 >= .9; index and search of the million within 20 minutes of wall time (a third of
what a whole verifier may take) and 8 GB.
Expected on two cores of an AMD EPYC (AVX2): exact 1.1 (one BLAS thread) to 1.35 x bare, 40 s CPU for all 50,000. Cells:
build 25 s, search 61 s CPU with OMP_NUM_THREADS=1; with two BLAS threads beside other busy processes 205 s wall, 231 s
CPU, since the threads of a small product wait for each other. 3.2 GB, 1 GB of it the data; .28 % of the bank a query
looks at; recall .964 (.965 by the index's own measure). The product alone of these parts is 2 x 1e6 x 2,770 x 256
operations, 16 s at the 88 GFLOP/s of one core.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from noisette.neighbors import DuplicateLinks, NeighborIndex, build_index, search_table
from noisette.neighbors.products import nearest_rows
from noisette.types import ArrayTable, Float32Array
from noisette.types.row_hashes import row_hashes

FLOOR_BARE, FLOOR_RECALL, FLOOR_SECONDS, FLOOR_GB = 2.0, 0.9, 1200.0, 8.0
RECALL_AT = 50


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    exact_rows: int = 50_000
    exact_features: int = 512
    timed: int = 10_000
    rows: int = 1_000_000
    features: int = 256
    classes: int = 1000
    dims: int = 24
    neighbors: int = 200
    checked: int = 10_000


SMOKE = Sizes(2000, 32, 500, 20_000, 32, 50, 6, 50, 500)

Cost = dict[str, float]


@contextmanager
def timed(costs: dict[str, Cost], name: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    costs[name] = {"wall": round(time.perf_counter() - wall, 2), "cpu": round(time.process_time() - cpu, 2)}
    print(f"{name:<24}{costs[name]['wall']:>10.2f} s wall{costs[name]['cpu']:>10.2f} s CPU", flush=True)


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def clustered(sizes: Sizes) -> Float32Array:
    rng = np.random.default_rng(0)
    counts = rng.multinomial(sizes.rows, np.full(sizes.classes, 1 / sizes.classes))
    features = np.empty((sizes.rows, sizes.features), dtype=np.float32)
    order, stop = rng.permutation(sizes.rows), 0
    scale = np.linspace(1, 0.3, sizes.dims)[:, None] / np.sqrt(sizes.dims)
    for count in counts:
        start, stop = stop, stop + count
        basis = (rng.normal(size=(sizes.dims, sizes.features)) * scale).astype(np.float32)
        rows = rng.standard_normal((count, sizes.dims), dtype=np.float32) @ basis
        rows += rng.standard_normal(sizes.features, dtype=np.float32)
        rows += rng.standard_normal(rows.shape, dtype=np.float32) / 20
        features[order[start:stop]] = rows
    return features


def exact(sizes: Sizes, costs: dict[str, Cost]) -> float:
    features = np.random.default_rng(0).standard_normal((sizes.exact_rows, sizes.exact_features), dtype=np.float32)
    index = build_index(ArrayTable(features))
    units, part = index.bank.values, features[: sizes.timed]
    with timed(costs, "exact: bare"):
        for start in range(0, sizes.timed, 1000):
            units[start : start + 1000] @ units.T
    with timed(costs, "exact: search"):
        index.search(part, sizes.neighbors, exclude=row_hashes(part))
    scale = sizes.exact_rows / sizes.timed
    print(f"{sizes.exact_rows} rows: {costs['exact: search']['cpu'] * scale:.0f} s CPU")
    return costs["exact: search"]["cpu"] / max(1e-3, costs["exact: bare"]["cpu"])


def cells(sizes: Sizes, costs: dict[str, Cost]) -> NeighborIndex:
    """Build, search and link; the figures of recall are looked at by `recall`."""
    table = ArrayTable(clustered(sizes))
    print(f"data: {peak_gb():.2f} GB")
    with timed(costs, "cells: build"):
        index = build_index(table, exact_rows=sizes.rows // 2)
    links = DuplicateLinks(index)
    with timed(costs, "cells: search"):
        for rows, found in search_table(index, table, sizes.neighbors):
            links.add(rows, found)
    with timed(costs, "cells: duplicates"):
        links.groups(table)
    print(f"peak {peak_gb():.2f} GB, the data among them; recall as the index knows it {index.recall:.3f}")
    return index


def recall(index: NeighborIndex, sizes: Sizes) -> float:
    rng = np.random.default_rng(1)
    sample = np.sort(rng.choice(index.size, sizes.checked, replace=False))
    queries, hashes = index.bank.block(0, index.size)[sample], index.bank.hashes[sample]
    truth = nearest_rows(index.bank, [(0, index.size)], queries, RECALL_AT, hashes).rows
    raw = queries + index.mean  # a unit row plus the mean is searched for as the row itself is
    found = index.search(raw, RECALL_AT, exclude=hashes).rows
    common = sum(np.intersect1d(a, b).size for a, b in zip(found, truth, strict=True))
    return common / truth.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that the script runs")
    sizes = SMOKE if parser.parse_args().smoke else Sizes()
    costs: dict[str, Cost] = {}
    times_bare = exact(sizes, costs)
    index = cells(sizes, costs)
    peak = peak_gb()
    with timed(costs, "recall"):
        found = recall(index, sizes)
    seconds = costs["cells: build"]["wall"] + costs["cells: search"]["wall"]
    share = index.cells.share_searched() if index.cells else 1.0
    passed = times_bare <= FLOOR_BARE and found >= FLOOR_RECALL and seconds <= FLOOR_SECONDS and peak <= FLOOR_GB
    print(
        f"exact: {times_bare:.2f} x bare; cells: {seconds:.0f} s, {share:.2%} of the bank a query, recall {found:.3f}"
    )
    print(
        json.dumps(
            {
                "benchmark": "neighbors",
                "smoke": sizes is SMOKE,
                "times_bare": round(times_bare, 3),
                "costs": costs,
                "share_searched": round(share, 5),
                "recall_at_50": round(found, 4),
                "peak_gb": round(peak, 2),
                "passed": None if sizes is SMOKE else passed,
            }
        )
    )


if __name__ == "__main__":
    main()
