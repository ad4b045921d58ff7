"""The names of the files in an export, folder by folder: whether all that is there was written by it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RULE_FILE = "noisette-export.json"
"""In every export: what made it. Its presence makes a folder an export."""

UNFINISHED = "noisette-export.unfinished.json"
JOURNAL = "noisette-export.shards.jsonl"

_OWN = {RULE_FILE, UNFINISHED, JOURNAL}
_FROM_SYSTEMS = {".ds_store", "thumbs.db", "desktop.ini"}


def list_contents(root: Path) -> dict[str, dict[str, Any]]:
    """Give for each folder below `root` (itself: ".") that has files their number and a hash of their names.

    The files that make a folder an export are left out, and those that systems put into folders.
    """
    found = {
        folder: {"files": len(names), "names": hashlib.blake2b(b"\0".join(names), digest_size=8).hexdigest()}
        for folder, names in _walk(root, "")
        if names
    }
    return dict(sorted(found.items()))


def find_foreign(root: Path, written: dict[str, Any]) -> str | None:
    """Say where files are that are not among those written; None = nowhere.

    A folder that is gone is no matter: nothing of anybody's is in it.

    Args:
        root: an export.
        written: from `list_contents`, when it was made.
    """
    for folder, about in list_contents(root).items():
        if written.get(folder) != about:
            newest = _newest(root / folder)
            place = newest if folder == "." else f"{folder}/{newest}"
            return f"its folder {folder!r} holds other files than were written there (the latest is {place!r})"
    return None


def _walk(root: Path, below: str) -> Iterator[tuple[str, list[bytes]]]:
    names, folders = list[bytes](), list[str]()
    with os.scandir(root / below) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.name.lower() not in _FROM_SYSTEMS and (below or entry.name not in _OWN):
                names.append(os.fsencode(entry.name))
    yield below or ".", sorted(names)
    for name in sorted(folders):
        yield from _walk(root, f"{below}/{name}" if below else name)


def _newest(folder: Path) -> str:
    """Give the file that was put there last; its own time may be older than its coming."""
    with os.scandir(folder) as entries:
        times = {entry.name: entry.stat(follow_symlinks=False).st_ctime_ns for entry in entries if not _is_own(entry)}
    return max(times, key=lambda name: (times[name], name))


def _is_own(entry: os.DirEntry[str]) -> bool:
    return entry.name in _OWN or entry.name.lower() in _FROM_SYSTEMS or entry.is_dir(follow_symlinks=False)
