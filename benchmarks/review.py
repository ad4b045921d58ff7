"""How fast the review page is with a million samples, and whether a decision is ever lost or doubled.

Command: python benchmarks/review.py --output runs/review            (15 minutes; the data are made once and kept there)
         python benchmarks/review.py --output runs/review --postgres     (the same on a PostgreSQL server of its own)
         python benchmarks/review.py --output runs/review --database postgresql+psycopg://USER@HOST/NAME
Data: 1,000,000 samples in 100 classes, as many decisions in the store, scores of a verifier; 64 JPEGs of 1,000 x
750 pixels, to which all samples point. The server is a process of its own, reached over HTTP.

copied     PostgreSQL only: `noisette review --database URL` takes over the decisions of the workspace, once
start      from the command to the first answer, and the memory the server then takes
first 20   the grid of a 10,000-sample class and its first 20 pictures, none of them made before: <= 1.5 s
saved      one decision after the other, from the request to its answer, when it is on disk: median <= 100 ms
two        two reviewers who send 20 decisions a second each for a minute, while a page loads; time from when a decision
           was due to its answer: p99 <= 250 ms; each decision is in the store once
killed     the same, and the server is killed (kill -9) in the middle: every acknowledged decision is there afterwards,
           and a new server shows it
fsync      what the disk takes by itself at the end of the run: a 4 kB write and its fsync, median and p99
--smoke takes 20,000 samples and 5 seconds. --postgres starts a server from installed binaries in a temporary folder,
its settings as they come (each commit is flushed), and deletes it at the end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from noisette.pipeline.database import use_database
from noisette.pipeline.settings import Settings, read_settings
from noisette.pipeline.workspace import Workspace, create_workspace, finish_workspace, open_workspace
from noisette.store import ReviewStore, write_samples, write_table
from noisette.types import SampleTable

NUM_CLASSES, NUM_PICTURES = 100, 64
PER_SECOND, REVIEWERS = 20, ("ann", "bob")
WRITES = {"X-Noisette": "1"}
LIMITS = {"first_20_seconds": 1.5, "saved_median_ms": 100.0, "two_p99_ms": 250.0}


def make_workspace(root: Path, num_samples: int) -> None:
    """Write samples, scores, pictures and decisions."""
    print(f"making a workspace of {num_samples:,} samples", flush=True)
    rng = np.random.default_rng(0)
    for number in range(NUM_PICTURES):
        (root / "pictures").mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (94, 125, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((1000, 750)).save(root / "pictures" / f"{number}.jpg", quality=90)
    names = tuple(f"class {number}" for number in range(NUM_CLASSES))
    workspace = create_workspace(root, Settings().with_options(images={"root": "pictures"}), names)
    given = np.arange(num_samples) // (num_samples // NUM_CLASSES)
    keys = [f"{label:03d}/{number:07d}.jpg" for number, label in enumerate(given)]
    uris = [f"{number % NUM_PICTURES}.jpg" for number in range(num_samples)]
    write_samples(workspace.samples, SampleTable(["train"] * num_samples, keys, uris, given))
    quality = rng.beta(4, 1, num_samples)
    columns = {
        "split": ["train"] * num_samples,
        "key": keys,
        "given_label": given.astype(np.int32),
        "score": quality,
        "label_quality": quality,
        "is_label_issue": quality < 0.5,
        "suggested_label": np.where(quality < 0.5, (given + 1) % NUM_CLASSES, given).astype(np.int32),
        "suggested_probability": np.maximum(quality, 1 - quality),
        "none_probability": np.zeros(num_samples),
        "sample_weight": quality,
        "suggested_votes": np.full(num_samples, 7, dtype=np.int8),
        "num_votes": np.full(num_samples, 10, dtype=np.int8),
        "verifier_quality": quality,
    }
    write_table(workspace.scores("evidence"), columns, {"verifier": "evidence"})
    workspace.detection.write_text(json.dumps({"chosen": "evidence", "measured": []}), encoding="utf-8")
    finish_workspace(workspace)
    fill_store(root / "reviews.sqlite", keys, given)


def fill_store(path: Path, keys: list[str], given: np.ndarray) -> None:
    """Write a decision on every sample of all classes but the first two, and a second one on the last samples.

    A decision for each sample in all, by SQL: `ReviewStore.append` would take half an hour.
    """
    ReviewStore(path).close()
    size, now = len(keys), datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    first = int((given < 2).sum())
    rows = [*range(first, size), *range(size - first, size)]
    with sqlite3.connect(path) as database:
        database.executemany(
            "INSERT INTO decisions (split, key, given_label, verification_label, correct_label, reviewer, time, queue, "
            "identity, is_bulk, client_id) VALUES ('train', ?, ?, 1, -1, ?, ?, 'class', ?, 0, '')",
            (
                (keys[row], int(given[row]), REVIEWERS[place >= size - first], now, f"{place:032x}")
                for place, row in enumerate(rows)
            ),
        )
        database.execute(
            "INSERT INTO standing (split, key, decision_id, given_label, verification_label, is_disputed) "
            "SELECT split, key, max(id), given_label, 1, 0 FROM decisions GROUP BY split, key"
        )
        database.execute(
            "INSERT INTO progress (given_label, correct, wrong, unsure) "
            "SELECT given_label, count(*), 0, 0 FROM standing GROUP BY given_label"
        )
    database.close()


class Server:
    """`noisette review` in a process of its own."""

    def __init__(self, root: Path, options: list[str]) -> None:
        start = time.perf_counter()
        command = [sys.executable, "-m", "noisette", "review", "-w", str(root), "--port", "0", "--json", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the server did not start"
        self.url = json.loads(line)["url"]
        with httpx.Client(base_url=self.url, timeout=60) as client:
            self.overview = client.get("/api/overview").raise_for_status().json()
        self.seconds_to_start = time.perf_counter() - start

    def memory(self) -> int:
        """Give the bytes that it takes now."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0
        return next(int(row.split()[1]) * 1024 for row in status.read_text().splitlines() if row.startswith("VmRSS"))

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal and wait."""
        self.process.send_signal(number)
        self.process.wait(30)


def first_pictures(url: str) -> float:
    """Load a grid and 20 thumbnails over six connections, as a browser does; give the seconds."""
    with httpx.Client(base_url=url, timeout=60) as client:
        start = time.perf_counter()
        client.get("/classes/0").raise_for_status()
        grid = client.get("/api/grid", params={"class_id": 0, "limit": 60, "only": "open"}).raise_for_status().json()
        ids = [item["id"] for item in grid["items"][:20]]
        with ThreadPoolExecutor(6) as threads:
            for answer in threads.map(lambda number: client.get(f"/thumb/{number}"), ids):
                assert answer.raise_for_status().headers["content-type"] == "image/webp"
        return time.perf_counter() - start


@dataclass
class Person:
    """A reviewer who decides on rows one after the other, by the clock or as fast as answers come."""

    name: str
    rows: list[int]
    prefix: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)

    def decide(self, url: str, per_second: float | None, stop: threading.Event) -> None:
        """Send all; a connection that breaks ends it."""
        headers = WRITES | {"X-Noisette-Reviewer": self.name, "Content-Type": "application/json"}
        # Not `httpx`: its own 2 ms of processor a request would be taken from the server on a small machine.
        connection = http.client.HTTPConnection(url.removeprefix("http://").rstrip("/"), timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begin = time.perf_counter()
        for place, row in enumerate(self.rows):
            due = time.perf_counter() if per_second is None else begin + place / per_second
            time.sleep(max(0.0, due - time.perf_counter()))
            token = f"{self.prefix}-{self.name}-{row}"
            body = {"client_id": token, "sample_id": row, "verdict": "correct", "seconds": 1.0, "queue": "class"}
            try:
                connection.request("POST", "/api/decisions", json.dumps(body), headers)
                answer = connection.getresponse()
                said = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                break  # the server is dead
            assert answer.status == 200, said
            self.acknowledged[token] = said["decision_id"]
            self.milliseconds.append(1000 * (time.perf_counter() - due))
            if stop.is_set():
                break
        connection.close()


def two_people(url: str, rows: list[int], prefix: str, seconds: int, watch: Any = None) -> list[Person]:
    """Let two reviewers decide at once, while a third client loads pictures and asks for changes."""
    count, stop = PER_SECOND * seconds, threading.Event()
    people = [Person(name, rows[i * count : (i + 1) * count], prefix) for i, name in enumerate(REVIEWERS)]
    threads = [threading.Thread(target=person.decide, args=(url, PER_SECOND, stop)) for person in people]
    threads.append(threading.Thread(target=look_around, args=(url, stop), daemon=True))
    for thread in threads:
        thread.start()
    if watch is not None:
        watch()
    for thread in threads[:-1]:
        thread.join()
    stop.set()
    return people


def look_around(url: str, stop: threading.Event) -> None:
    """Do what an open page does beside deciding."""
    with httpx.Client(base_url=url, timeout=60) as client:
        number = 0
        while not stop.wait(0.5):
            try:
                client.get("/api/changes", params={"since": -1, "class_id": 0})
                client.get(f"/image/{number % NUM_PICTURES}")
                client.get("/api/grid", params={"queue": "suspicious", "only": "open"})
            except httpx.TransportError:
                return
            number += 1


def check_stored(root: Path, after: int, people: list[Person]) -> tuple[int, int]:
    """Count the acknowledged decisions that the store lacks, and those that it has twice."""
    found: dict[str, list[int]] = {}
    with open_workspace(root).reviews() as store:
        while rows := store.since(after, 1000):
            after = rows[-1].id
            for row in rows:
                found.setdefault(row.review.client_id, []).append(row.id)
    said = {token: number for person in people for token, number in person.acknowledged.items()}
    lost = sum(found.get(token, [None])[0] != number for token, number in said.items())
    return lost, sum(len(found.get(token, [])) > 1 for token in said)


def measure(root: Path, options: list[str], seconds: int) -> dict[str, Any]:
    """Run every part; rows of class 0 are decided one after the other and never twice."""
    run = f"run{os.getpid()}"
    with open_workspace(root).reviews() as store:
        last = store.last_id()
    server = Server(root, options)
    result: dict[str, Any] = {
        "samples": server.overview["total"]["samples"],
        "decided": server.overview["total"]["decided"],
        "start_seconds": round(server.seconds_to_start, 2),
        "server_mb": round(server.memory() / 1e6),
    }
    print(json.dumps(result), flush=True)
    result["first_20_seconds"] = round(first_pictures(server.url), 3)
    # Samples that nobody has decided on, and those somebody has: both are decided on in life.
    rows = list(range(server.overview["classes"][0]["samples"], server.overview["total"]["samples"]))
    alone = Person("ann", rows[: 10 * seconds], f"{run}-alone")
    alone.decide(server.url, None, threading.Event())
    result["saved_median_ms"] = round(statistics.median(alone.milliseconds), 1)
    rows = rows[10 * seconds :]
    people = two_people(server.url, rows, f"{run}-two", seconds)
    times = [value for person in people for value in person.milliseconds]
    result["two_median_ms"] = round(statistics.median(times), 1)
    result["two_p99_ms"] = round(float(np.quantile(times, 0.99)), 1)
    result["two_max_ms"] = round(max(times), 1)
    lost, doubled = check_stored(root, last, [alone, *people])
    result |= {"two_acknowledged": len(times), "lost": lost, "doubled": doubled}
    result["complete"] = len(times) == PER_SECOND * seconds * len(people)
    result |= killed(root, options, server, rows[2 * PER_SECOND * seconds :], f"{run}-kill", max(4, seconds // 6))
    return result


def killed(
    root: Path, options: list[str], server: Server, rows: list[int], prefix: str, seconds: int
) -> dict[str, Any]:
    """Kill the server while two people decide; start it again and look for what it had acknowledged."""
    with open_workspace(root).reviews() as store:
        last = store.last_id()

    def kill() -> None:
        time.sleep(seconds / 2)
        server.stop(signal.SIGKILL)

    people = two_people(server.url, rows, prefix, seconds, kill)
    said = [number for person in people for number in person.acknowledged.values()]
    again = Server(root, options)
    with httpx.Client(base_url=again.url, timeout=60) as client:
        shown: set[int] = set()
        since = last
        while (page := client.get("/api/changes", params={"since": since}).raise_for_status().json())["last"] > since:
            since = page["last"]
            shown |= {item["id"] for item in page["items"] if item["state"] == "correct"}
    again.stop()
    lost, doubled = check_stored(root, last, people)
    missing = {int(token.rsplit("-", 1)[1]) for person in people for token in person.acknowledged} - shown
    return {"killed_acknowledged": len(said), "killed_lost": lost + len(missing), "killed_doubled": doubled}


def holds(result: dict[str, Any]) -> bool:
    """Say whether every bar is met."""
    is_fast = all(result[name] <= limit for name, limit in LIMITS.items())
    kept = not any(result[name] for name in ("lost", "doubled", "killed_lost", "killed_doubled"))
    return is_fast and kept and result["complete"] and result["killed_acknowledged"] > 0


def fsync_ms(folder: Path) -> tuple[float, float]:
    """Give milliseconds of a 4 kB write and its fsync, median and p99 of 200."""
    taken = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(200):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            taken.append(1000 * (time.perf_counter() - start))
    return round(statistics.median(taken), 1), round(float(np.quantile(taken, 0.99)), 1)


def own_postgres() -> AbstractContextManager[str]:
    """Give the URL of a database on a PostgreSQL server of its own, as the tests have it."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from tests.contracts.postgres import own_database

    return own_database()


def run(root: Path, url: str | None, seconds: int) -> dict[str, Any]:
    """Measure on one database; the workspace is left with the file it came with."""
    result: dict[str, Any] = {"benchmark": "review", "database": "postgresql" if url else "sqlite"}
    settings = (root / "noisette.toml").read_bytes()
    try:
        if url:
            start = time.perf_counter()
            _, move = use_database(Workspace(root, read_settings(root / "noisette.toml")), url)
            os.environ["NOISETTE_DATABASE"] = url  # with its password, where it has one
            result |= {"copied": move.copied if move else 0, "copied_seconds": round(time.perf_counter() - start, 1)}
        result |= measure(root, [], seconds)
    finally:
        (root / "noisette.toml").write_bytes(settings)
    result["fsync_median_ms"], result["fsync_p99_ms"] = fsync_ms(root)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="20,000 samples, 5 seconds")
    parser.add_argument("--output", type=Path, help="folder for the workspace, kept; else a temporary one")
    parser.add_argument("--samples", type=int, help="how many (1,000,000)")
    parser.add_argument("--seconds", type=int, help="how long two people decide (60)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--database", help="URL of a PostgreSQL database, empty at the first run")
    where.add_argument("--postgres", action="store_true", help="a PostgreSQL server of its own, from Debian's package")
    options = parser.parse_args()
    num_samples = options.samples or (20_000 if options.smoke else 1_000_000)
    seconds = options.seconds or (5 if options.smoke else 60)
    database = own_postgres() if options.postgres else nullcontext(options.database)
    with tempfile.TemporaryDirectory() as temporary, database as url:
        root = (options.output or Path(temporary)) / f"workspace-{num_samples}"
        if not (root / "noisette.toml").exists() or not (root / "filled").exists():
            make_workspace(root, num_samples)
            (root / "filled").touch()
        result = run(root, url, seconds)
    result["client_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    for name, value in result.items():
        print(f"{name:22s} {value}")
    for name, limit in LIMITS.items():
        print(f"{name:22s} {result[name]:8} <= {limit}: {'holds' if result[name] <= limit else 'DOES NOT HOLD'}")
    print(json.dumps(result | {"limits": LIMITS, "holds": holds(result)}))


if __name__ == "__main__":
    main()
