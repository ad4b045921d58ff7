"""Fitting the verifier anew while people go on reviewing: `detect` in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from noisette.errors import NoisetteError
from noisette.pipeline.review_scores import ReviewScores
from noisette.pipeline.workspace import Workspace

_SECONDS_BETWEEN_WORDS = 0.1
_NICENESS = 5  # people who go on deciding come first


class Refit:
    """One refit at a time; a thread listens to its process.

    Args:
        workspace: the workspace.
        scores: gives the scores in use.
        reload: reads them anew, called when the process has written them.
    """

    def __init__(
        self, workspace: Workspace, scores: Callable[[], ReviewScores | None], reload: Callable[[], None]
    ) -> None:
        self._workspace, self._scores, self._reload = workspace, scores, reload
        self._lock = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._thread: threading.Thread | None = None
        self._state = _state("idle")

    def status(self) -> dict[str, Any]:
        """Give state, step, done, total, error, changes."""
        return dict(self._state)

    def start(self) -> bool:
        """Start one; False if one is running."""
        with self._lock:
            if self._state["state"] == "running":
                return False
            self._state = _state("running", step="starting")
            context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
            listener, speaker = context.Pipe(duplex=False)
            self._process = context.Process(target=_detect, args=(self._workspace, speaker), daemon=True)
            try:
                self._process.start()
            except OSError as error:
                self._state = _state("failed", error=f"no process could be started: {error.strerror}")
                return True
            speaker.close()
            self._thread = threading.Thread(target=self._listen, args=(listener, self._process), daemon=True)
            self._thread.start()
        return True

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the one that is running."""
        if self._thread is not None:
            self._thread.join(timeout)

    def stop(self) -> None:
        """End the process; what it has not finished is taken up by the next one."""
        process = self._process
        if process is not None and process.is_alive():
            process.terminate()
            process.join(5)

    def _listen(self, listener: Connection, process: multiprocessing.process.BaseProcess) -> None:
        kind, words = "failed", "the process ended before it was done"
        try:
            while True:
                message = listener.recv()
                if message[0] != "progress":
                    kind, words = message
                    break
                _, step, done, total = message
                self._state = _state("running", step=step, done=done, total=total)
        except (EOFError, OSError):
            process.join(5)
            words += f" (exit code {process.exitcode}); the server's output may say why"
        finally:
            listener.close()
        process.join()
        if kind == "failed":
            self._state = _state("failed", error=words)
            return
        try:
            self._state = self._changed()
        except Exception as error:  # the thread must not end with a page that waits for ever
            self._state = _state("failed", error=f"the new scores cannot be read: {error}")

    def _changed(self) -> dict[str, Any]:
        before = self._scores()
        self._reload()
        after = self._scores()
        return _state("done", changes=refit_changes(before, after))


def refit_changes(before: ReviewScores | None, after: ReviewScores | None) -> dict[str, Any] | None:
    """Say what a refit changed: samples flagged before and after, newly and no longer, and the verifier's error."""
    if after is None:
        return None
    was = np.zeros_like(after.is_flagged) if before is None else before.is_flagged
    return {
        "flagged_before": int(was.sum()),
        "flagged_after": int(after.is_flagged.sum()),
        "newly_flagged": int((after.is_flagged & ~was).sum()),
        "no_longer": int((was & ~after.is_flagged).sum()),
        "error_before": _number(None if before is None else before.average_error),
        "error_after": _number(after.average_error),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value


def _state(state: str, **more: Any) -> dict[str, Any]:
    return {"state": state, "step": "", "done": 0, "total": 0, "error": None, "changes": None} | more


def _detect(workspace: Workspace, speaker: Connection) -> None:
    """Run in the new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server, which ends this process
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    from noisette.pipeline.detect import detect

    said = 0.0

    def progress(step: str, done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _SECONDS_BETWEEN_WORDS:
            said = now
            speaker.send(("progress", step, done, total))

    try:
        detect(workspace, progress)
    except NoisetteError as error:
        speaker.send(("failed", str(error)))
    except OSError as error:
        speaker.send(("failed", f"{Path(str(error.filename or '')).name}: {error.strerror or error}"))
    else:
        speaker.send(("done", ""))
    finally:
        speaker.close()
