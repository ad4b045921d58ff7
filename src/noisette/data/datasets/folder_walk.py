"""The files below a folder, in the order of their paths, with one folder's listing at a time in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from noisette.data.datasets.file_names import is_hidden, printable
from noisette.errors import DataFileError
from noisette.types import BadRows


class FolderEntry(NamedTuple):
    """One entry of a folder: its POSIX path relative to the root, and whether it is a folder, a file, or neither."""

    path: str
    name: str
    kind: str


class _Open(NamedTuple):
    """A folder whose entries are being read, and what tells it from any other folder."""

    identity: tuple[int, int]
    entries: Iterator[FolderEntry]


def check_folder(root: str | Path) -> Path:
    """Check that `root` is a folder.

    Raises:
        DataFileError: it is missing, or no folder.
    """
    root = Path(root)
    if not root.exists():
        raise DataFileError(root, "does not exist; check the path")
    if not root.is_dir():
        raise DataFileError(root, "is a file; name the folder that holds the data set")
    return root


def list_folder(root: Path, folder: str = "") -> list[FolderEntry]:
    """List a folder, hidden entries too; sorted so that paths below it come sorted too, folders told by links as well.

    Raises:
        OSError: it cannot be listed.
    """
    with os.scandir(root / folder) as found:
        entries = [FolderEntry(f"{folder}/{one.name}" if folder else one.name, one.name, _kind(one)) for one in found]
    # "a-b" sorts before "a/c": a folder's name sorts with its slash.
    return sorted(entries, key=lambda entry: entry.path + ("/" if entry.kind == "folder" else ""))


def walk_files(root: Path, folder: str, bad_rows: BadRows) -> Iterator[str]:
    """Yield the paths, relative to `root`, of the files below `root/folder`, sorted.

    Links are followed, except to a folder that the link is in. Hidden files and folders are left out; folders that
    cannot be read, broken links and what is neither file nor folder (a device, a pipe) are bad.
    """
    parts = folder.split("/") if folder else []
    above = [_identity(root / "/".join(parts[:depth])) for depth in range(len(parts))]
    stack: list[_Open] = []
    _enter(root, folder, above, stack, bad_rows)
    while stack:
        entry = next(stack[-1].entries, None)
        if entry is None:
            stack.pop()
        elif is_hidden(entry.name):
            bad_rows.leave_out(f"hidden {entry.kind}")
        elif entry.kind == "folder":
            _enter(root, entry.path, above, stack, bad_rows)
        elif entry.kind == "file":
            yield entry.path
        else:
            _report(bad_rows, root, entry.path, entry.kind)


def _enter(root: Path, folder: str, above: list[tuple[int, int]], stack: list[_Open], bad_rows: BadRows) -> None:
    """Open a folder and put it on the stack, or report why not."""
    try:
        identity = _identity(root / folder)
        if identity in above or any(identity == one.identity for one in stack):
            _report(bad_rows, root, folder, "link to a folder that it is in")
            return
        stack.append(_Open(identity, iter(list_folder(root, folder))))
    except OSError as error:
        _report(bad_rows, root, folder, "unreadable folder", error.strerror or str(error))


def _report(bad_rows: BadRows, root: Path, path: str, kind: str, detail: str = "") -> None:
    bad_rows.read()
    bad_rows.add(root / printable(path), None, kind, detail)


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError:  # a link to itself
        return "broken link"
    return "broken link" if entry.is_symlink() else "not a file"
