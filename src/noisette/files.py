"""Files that are either whole or absent: written under a temporary name, flushed to disk, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_TEMPORARY = ".partial"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path next to `path`; on success flush it to disk and move it over `path`.

    A process killed inside the block leaves `path` as it was. The temporary name is fixed, so that the next attempt
    overwrites what a killed one left. On an exception the temporary file is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        flush_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_open(path: str | Path) -> Iterator[IO[str]]:
    """Open `path` for writing UTF-8 text with Unix line ends on every system; whole or absent, see `atomic_path`."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        yield file


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Give an empty temporary folder; on success it takes the place of `path`, old content included.

    The swap is two renames (no system replaces a full folder in one). A process killed between them leaves the new
    folder under its temporary name and the old one under ``.old``; `recover_folder` puts that right.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = path.with_name(path.name + _TEMPORARY), path.with_name(path.name + ".old")
    recover_folder(path)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    for file in sorted(temporary.rglob("*")):
        if file.is_file():
            _flush(file)
    if path.exists():
        path.replace(old)
    temporary.replace(path)
    flush_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def recover_folder(path: str | Path) -> None:
    """Finish, or undo, what a process killed in the middle of `atomic_folder` left behind."""
    path = Path(path)
    old = path.with_name(path.name + ".old")
    if not old.exists():
        return
    if path.exists():
        shutil.rmtree(old)
    else:
        old.replace(path)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Flush the entries of a folder to disk, so that files that were made or renamed in it survive a power cut."""
    if os.name != "posix":
        return  # Windows has no handle to flush a folder with
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
