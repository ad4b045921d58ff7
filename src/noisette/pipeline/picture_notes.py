"""What was said of pictures while they were embedded: kept with the table, counted again, and listed for people."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from noisette.features import PictureNote
from noisette.files import atomic_open
from noisette.types import BadRows

SKIPPED, CONVERTED = "skipped.txt", "converted.txt"
"""Lists of pictures beside the table, a line each: those left out, and those used after a conversion."""

KeptNote = dict[str, str]


def kept_note(path: str, note: PictureNote) -> KeptNote:
    """Give a note as it is kept: with the path below the root of the pictures."""
    if note.is_bad:
        return {"path": path, "skipped": note.kind, "detail": note.detail}
    return {"path": path, "converted": note.kind}


def count_notes(bad: BadRows, root: Path, notes: Iterable[KeptNote]) -> None:
    """Count notes under a policy.

    Raises:
        TooManyBadRowsError: by that policy.
    """
    for note in notes:
        if "skipped" in note:
            bad.add(root / note["path"], None, note["skipped"], note["detail"])
        else:
            bad.convert(note["converted"])


def write_lists(folder: Path, notes: Iterable[KeptNote]) -> None:
    """Write the paths of pictures that were left out, and of those that were converted, with the reasons."""
    with atomic_open(folder / SKIPPED) as skipped, atomic_open(folder / CONVERTED) as converted:
        for note in notes:
            if "skipped" in note:
                detail = f": {note['detail']}" if note["detail"] else ""
                skipped.write(f"{note['path']}: {note['skipped']}{detail}\n")
            else:
                converted.write(f"{note['path']}: {note['converted']}\n")
