"""Run a noisette command and kill the process with signal 9 at its n-th flush to disk, in the middle of a write.

``python killed.py N COMMAND ...``: N = 0 never kills, and prints the number of flushes.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from noisette.cli.app import app

_flush = os.fsync
_flushes = 0


def _counting_flush(fd: Any) -> None:
    global _flushes
    _flushes += 1
    if _flushes == int(sys.argv[1]):
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    _flush(fd)


if __name__ == "__main__":
    os.fsync = _counting_flush
    try:
        app(sys.argv[2:])
    except SystemExit as end:
        print(_flushes)
        raise SystemExit(end.code) from None
