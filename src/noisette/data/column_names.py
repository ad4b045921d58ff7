"""The columns that files of features and labels may have, and the other names people give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from noisette.errors import DataFileError

_ALIASES = {
    "key": ("key", "keys", "class_name/key", "path", "file", "filename", "image"),
    "split": ("split", "splits"),
    "given_label": ("given_label", "given_labels", "label", "labels", "class", "class_name"),
    "verification_label": ("verification_label", "verification_labels"),
    "correct_label": ("correct_label", "correct_labels"),
    "reviewer": ("reviewer", "reviewers"),
    "queue": ("queue", "queues"),
    "inclusion_probability": ("inclusion_probability", "inclusion_probabilities"),
    "seconds": ("seconds",),
    "features": ("features", "feature", "embedding", "embeddings"),
    "ignored": ("url", "uri", ""),
}
_NAME_OF = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
_NUMBERED = re.compile(r"(?:f|feature_?|dim_?)(\d+)")


def canonical(column: str) -> str | None:
    """Give our name of a column ("key", "given_label", ..., "ignored"), or None if it is not one we know."""
    return _NAME_OF.get(column.strip().lower())


def is_numbered_feature(column: str) -> bool:
    """Tell whether a column is one of f0, f1, ... (or feature_0, dim0)."""
    return _NUMBERED.fullmatch(column.strip().lower()) is not None


def feature_number(column: str) -> int:
    """Give the number in the name of a numbered feature column."""
    found = _NUMBERED.fullmatch(column.strip().lower())
    return int(found.group(1)) if found else -1


def find_columns(path: Path, names: Sequence[str]) -> dict[str, int]:
    """Find the columns that we know by their position.

    Raises:
        DataFileError: two columns mean the same.
    """
    found: dict[str, int] = {}
    for position, name in enumerate(names):
        ours = canonical(name)
        if ours is None or ours == "ignored":
            continue
        if ours in found:
            both = f"{names[found[ours]]!r} and {name!r}"
            raise DataFileError(path, f"columns {both} both mean {ours}; keep one of them")
        found[ours] = position
    return found
