"""Which workspace this is, so that a database of decisions on other samples is not taken for its own."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from noisette.files import atomic_open
from noisette.store import file_hash

IDENTITY_FILE = "workspace-id.txt"


def workspace_id(root: Path, made_of: tuple[Path, ...], *, keep: bool) -> str:
    """Give the identity of a workspace: 32 hexadecimal digits; "" where it has no samples yet.

    It follows from its files (a workspace that is made anew from the same data is the same), and is kept in one of its
    own from then on: it stays when a class is renamed, and a copy of the folder has it, too.

    Args:
        root: the folder of the workspace.
        made_of: its samples and its classes.
        keep: write it down; not while the workspace is being made.
    """
    path = root / IDENTITY_FILE
    if keep and path.is_file():
        return path.read_text(encoding="utf-8").strip()
    if not all(one.is_file() for one in made_of):
        return ""
    text = "".join(file_hash(one) for one in made_of)
    found = hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()
    if keep:
        with (
            suppress(OSError),
            atomic_open(path) as file,
        ):  # in a folder that may only be read it is found anew each time
            file.write(found + "\n")
    return found
