"""Moving SQLite's write-ahead log into the database beside the writers, and not inside somebody's decision.

A commit is safe when the log is flushed. By itself SQLite also copies the log into the database within the commit that
makes it 1,000 pages long: about every hundredth decision of the review page then waits for a thousand scattered writes
and two more flushes. A passive checkpoint on a connection of its own does the same and keeps no writer waiting.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

INTERVAL = 5.0
"""Seconds from a write to the checkpoint that follows: pages which change often are then copied once."""
LARGEST_LOG = 16_000
"""Pages (64 MB) after which a commit makes a checkpoint itself, should the one beside it not keep up."""


class Checkpoints:
    """A thread that makes a checkpoint some seconds after writes, while there are any.

    Args:
        path: the SQLite file.
        interval: seconds, such as `INTERVAL`.
    """

    def __init__(self, path: str, interval: float) -> None:
        self._path, self._interval = path, interval
        self._written, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def after_write(self) -> None:
        """Say that something was committed."""
        self._written.set()

    def stop(self) -> None:
        """End the thread; the last connection that is closed makes the last checkpoint."""
        self._stop.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._written.wait()
            if self._stop.wait(self._interval):
                return
            self._written.clear()
            with suppress(sqlite3.Error):  # nothing depends on it: the log holds all, and the next one tries again
                checkpoint(self._path)


def checkpoint(path: str) -> tuple[int, int]:
    """Copy what can be copied without anybody waiting; give the pages in the log, and how many are in the database.

    A file that is gone is not made anew: an empty one would pass for a store without decisions.
    """
    with closing(
        sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    ) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages), int(copied)
