"""The review store with a million decisions: what one page, the counts and one more decision take.

Command: python benchmarks/review_store.py                  (two minutes of one core, 1 GB of disk)
         python benchmarks/review_store.py --smoke          (seconds; numbers mean nothing)
         python benchmarks/review_store.py --postgres       (a PostgreSQL server of its own, from Debian's package)
         python benchmarks/review_store.py --database postgresql+psycopg://USER@HOST/EMPTY_DATABASE

1,000,000 samples in 1,000 classes, a decision on each, put there by SQL; then 20,000 more decisions, by a second
reviewer, appended as an import is. Then, milliseconds of wall time at the median and the 99th percentile of 300 calls
each, and CPU of this process at the mean: `standing` of the 60 keys of one page, anywhere; `progress` of all classes;
`add` of one decision, flushed to disk; `undo`; `since` with nothing new. Beside `add`, what the disk takes by itself: a
4 kB write and its fsync. Once each: `counts`, and `resolve` of all samples.
Floors: standing, progress and add at the median <= 10 ms more than the fsync.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, text

from noisette.store import ReviewStore
from noisette.types import Review

FLOOR_MS, PAGE = 10.0, 60
NOW = datetime(2026, 1, 2, tzinfo=UTC)


FILL = (
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
    'INSERT INTO decisions (split, "key", given_label, verification_label, correct_label, reviewer, time, queue, '
    "identity) SELECT 'train', 'images/' || (i % {classes}) || '/' || i || '.jpg', i % {classes}, "
    "CASE WHEN i % 5 > 0 THEN 1 ELSE 0 END, -1, 'ann', {time}, 'import', 'x' || i FROM n",
    'INSERT INTO standing SELECT split, "key", id, given_label, verification_label, false FROM decisions',
    "INSERT INTO progress SELECT given_label, sum(verification_label), sum(1 - verification_label), 0 FROM decisions "
    "GROUP BY given_label",
)


def key(number: int, num_classes: int) -> str:
    return f"images/{number % num_classes}/{number}.jpg"


def fill(url: str, size: int, num_classes: int) -> None:
    """Put a decision on every sample, as an import by "ann" does, but in seconds."""
    engine = create_engine(url)
    moment = "'2026-01-02 00:00:00.000000'"
    if engine.dialect.name == "postgresql":
        moment = f"CAST({moment} AS timestamptz)"
    with engine.begin() as connection:
        for statement in FILL:
            connection.execute(text(statement.format(last=size - 1, classes=num_classes, time=moment)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))  # PostgreSQL does that by itself within a minute
    engine.dispose()


def decision(number: int, num_classes: int, reviewer: str, token: str = "") -> Review:
    return Review(
        key=key(number, num_classes),
        given_label=number % num_classes,
        verification_label=int(number % 5 > 0),
        reviewer=reviewer,
        time=datetime.now(UTC) if token else NOW,
        queue="class" if token else "import",
        client_id=token,
    )


def milliseconds(calls: int, call: Callable[[int], object]) -> dict[str, float]:
    taken, cpu = [], time.process_time()
    for number in range(calls):
        start = time.perf_counter()
        call(number)
        taken.append((time.perf_counter() - start) * 1000)
    found = {"median": float(np.median(taken)), "p99": float(np.quantile(taken, 0.99))}
    found["cpu"] = (time.process_time() - cpu) * 1000 / calls
    return {name: round(value, 2) for name, value in found.items()}


def fsync(folder: Path, calls: int) -> dict[str, float]:
    with (folder / "fsync").open("wb", buffering=0) as file:

        def write(_: int) -> None:
            file.write(b"x" * 4096)
            os.fsync(file.fileno())

        return milliseconds(calls, write)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return round(time.perf_counter() - start, 2)


def measure(url: str, folder: Path, size: int, num_classes: int, calls: int) -> dict[str, object]:
    rng = np.random.default_rng(0)
    results: dict[str, object] = {}
    with ReviewStore(url) as store:
        fill(url, size, num_classes)
        more = size // 50
        results["decisions"] = size
        results["import s"] = seconds(
            lambda: store.append(decision(number, num_classes, "bob") for number in range(0, size, size // more))
        )
        pages = rng.integers(0, size, (calls, PAGE))
        results["standing"] = milliseconds(
            calls, lambda call: store.standing([("train", key(int(one), num_classes)) for one in pages[call]])
        )
        results["progress"] = milliseconds(calls, lambda _: store.progress())
        last = store.last_id()
        some = rng.integers(0, size, calls)
        numbers: list[int] = []
        results["add"] = milliseconds(
            calls, lambda call: numbers.append(store.add(decision(int(some[call]), num_classes, "eve", f"t{call}")))
        )
        results["undo"] = milliseconds(calls, lambda call: store.undo(numbers[call], reviewer="eve", time=NOW))
        results["since"] = milliseconds(calls, lambda _: store.since(last + 2 * calls, 1000))
        results["fsync"] = fsync(folder, calls)
        results["counts s"] = seconds(store.counts)
        results["resolve s"] = seconds(lambda: resolve_all(store, size, num_classes))
    return results


def resolve_all(store: ReviewStore, size: int, num_classes: int) -> None:
    keys = [key(number, num_classes) for number in range(size)]
    store.resolve(["train"] * size, keys, np.arange(size) % num_classes)


def own_postgres() -> AbstractContextManager[str]:
    """Give the URL of a database on a PostgreSQL server of its own, as the tests have it."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from tests.contracts.postgres import own_database

    return own_database()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", help="URL of an empty database; else SQLite in a temporary folder")
    parser.add_argument("--postgres", action="store_true", help="a PostgreSQL server of its own")
    parser.add_argument("--decisions", type=int, help="how many (1,000,000)")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    size, num_classes, calls = (2000, 20, 20) if options.smoke else (options.decisions or 1_000_000, 1000, 300)
    database = own_postgres() if options.postgres else nullcontext(options.database)
    with tempfile.TemporaryDirectory() as name, database as named:
        folder = Path(name)
        url = named or f"sqlite:///{folder / 'reviews.sqlite'}"
        results = measure(url, folder, size, num_classes, calls)
    for what, value in results.items():
        print(f"{what:<12} {value}")
    floor = FLOOR_MS + results["fsync"]["median"]  # type: ignore[index]
    holds = all(results[what]["median"] <= floor for what in ("standing", "progress", "add"))  # type: ignore[index]
    print(json.dumps({"benchmark": "review_store", "smoke": options.smoke, "results": results, "holds": holds}))


if __name__ == "__main__":
    main()
