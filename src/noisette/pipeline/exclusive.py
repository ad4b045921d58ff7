"""One run at a time on what a long step writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from noisette.errors import WorkspaceError


@contextmanager
def alone(target: Path, command: str) -> Iterator[None]:
    """Keep a second run of a command out while one writes `target`; the lock stands beside it.

    Raises:
        WorkspaceError: there is another run.
    """
    path = target.with_name(f"{target.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise WorkspaceError(f"another `{command}` is at work on {target}; wait for it, or stop it") from None
    try:
        yield
    finally:
        lock.release()
        path.unlink(missing_ok=True)
