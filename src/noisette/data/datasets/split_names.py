"""The names people give to the splits of a data set."""

from __future__ import annotations

import re

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


_PART = re.compile(rf"(?:^|[-_.])({'|'.join(_SPLITS)})(?=[-_.]|$)", re.IGNORECASE)


def known_split(name: str) -> str | None:
    """Give "train", "validation" or "test" for a name that means one of them, else None."""
    return _SPLITS.get(name.strip().lower())


def split_name(text: str, default: str = "train") -> str:
    """Give the split that a cell means: one of ours, `default` where it is empty, any other name as it is."""
    return known_split(text) or text.strip() or default


def split_of_path(path: str) -> str:
    """Give the split that a path tells by the first folder named after one, else by a part of the file's name.

    Example:
        >>> split_of_path("val/00000.tar"), split_of_path("imagenet-test-00000.tar"), split_of_path("trains.tar")
        ('validation', 'test', 'train')
    """
    *folders, name = path.split("/")
    part = _PART.search(name)
    told = next(filter(None, map(known_split, folders)), None) or (known_split(part[1]) if part else None)
    return told or "train"
