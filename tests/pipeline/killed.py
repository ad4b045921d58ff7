"""Run a noisette command and kill the process with signal 9 at its n-th moment.

A moment comes before each flush to disk, and before each file is moved to its place or linked.
``python killed.py N COMMAND ...``: N = 0 never kills, and prints the number of moments.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from noisette.cli.app import app

MOMENTS = ("fsync", "replace", "link", "symlink")
"""Functions of `os`."""

_moments = 0


def _counting(act: Callable[..., Any]) -> Callable[..., Any]:
    def count(*arguments: Any, **options: Any) -> Any:
        global _moments
        _moments += 1
        if _moments == int(sys.argv[1]):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return act(*arguments, **options)

    return count


if __name__ == "__main__":
    for name in MOMENTS:
        setattr(os, name, _counting(getattr(os, name)))
    try:
        app(sys.argv[2:])
    except SystemExit as end:
        print(_moments)
        raise SystemExit(end.code) from None
