"""The columns of a manifest, and the other names people give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noisette.errors import DataFileError

_ALIASES = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path"),
    "shard": ("shard",),
    "member": ("member",),
    "given_label": (
        "given_label", "given_labels", "label", "labels", "class", "classes", "class_name", "class_names",
        "class_label", "class_labels",
    ),
    "key": ("key",),
    "verification_label": ("verification_label", "verification_labels"),
    "correct_label": ("correct_label", "correct_labels"),
    "split": ("split",),
}  # fmt: skip
_NAME_OF = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
_REMEDY = "a path column (path, file, filename, image, ...) or shard and member, and a label column (label, class, ...)"


def find_columns(path: Path, names: Sequence[str], *, line: int | None = None) -> dict[str, int]:
    """Find the columns of a manifest by their position.

    Raises:
        DataFileError: a column that is needed is not there, or two mean the same.
    """
    found: dict[str, int] = {}
    for position, name in enumerate(names):
        ours = _NAME_OF.get(name.strip().lower())
        if ours is None:
            continue
        if ours in found:
            both = f"{names[found[ours]]!r} and {name!r}"
            raise DataFileError(path, f"columns {both} both mean {ours}; keep one of them", line=line)
        found[ours] = position
    has_member = "shard" in found and "member" in found
    if "given_label" not in found or not ("path" in found or has_member):
        header = "must have a header row that names" if line is not None else "must have"
        got = ", ".join(names) if sum(map(len, names)) <= 200 else f"{len(names)} others"
        raise DataFileError(path, f"{header} {_REMEDY}; got {got}", line=line)
    if "path" in found and has_member:
        raise DataFileError(path, "has a path column, and shard and member columns; keep one kind", line=line)
    return found
