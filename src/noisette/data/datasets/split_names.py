"""The names people give to the splits of a data set."""

from __future__ import annotations

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def known_split(name: str) -> str | None:
    """Give "train", "validation" or "test" for a name that means one of them, else None."""
    return _SPLITS.get(name.strip().lower())


def split_name(text: str) -> str:
    """Give the split that a cell means: one of ours, "train" where it is empty, any other name as it is."""
    return known_split(text) or text.strip() or "train"
