"""Data sets of the package `datasets`, the one place that imports it, and not before it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from noisette.errors import DataFileError, MissingExtraError

_OPEN = 16


def open_hub(root: str) -> dict[str, Any]:
    """Open a data set that `save_to_disk` wrote; give its splits by name. Nothing of it is read into memory.

    Raises:
        MissingExtraError: the package `datasets` is not installed.
        DataFileError: `root` is no data set of that kind.
    """
    datasets = _package()
    try:
        found = datasets.load_from_disk(root)
    except Exception as error:  # the package raises errors of many families
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataFileError(root, f"is no Hugging Face data set written by save_to_disk ({reason})") from error
    if isinstance(found, datasets.DatasetDict):
        if not found:
            raise DataFileError(root, "is a Hugging Face data set without splits")
        return dict(found)
    return {"train" if found.split is None else str(found.split): found}


def image_columns(features: Mapping[str, Any]) -> list[str]:
    """Give the names of the columns that hold images."""
    kind = _package().Image
    return [name for name, feature in features.items() if isinstance(feature, kind)]


@lru_cache(maxsize=_OPEN)
def hub_images(root: str, split: str, column: str) -> Any:
    """Open the images of one split as encoded bytes; what was opened last stays open.

    Raises:
        MissingExtraError: the package `datasets` is not installed.
        DataFileError: `root` is no data set of that kind, or has no such split or column.
    """
    splits = open_hub(root)
    if split not in splits:
        raise DataFileError(root, f"has no split {split!r}, only {', '.join(splits)}; make the workspace again")
    table = splits[split]
    if column not in image_columns(table.features):
        raise DataFileError(root, f"split {split!r} has no column {column!r} of images; make the workspace again")
    return table.select_columns([column]).cast_column(column, _package().Image(decode=False))


def _package() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(
            "Hugging Face data sets need the package `datasets`; pip install 'noisette[huggingface]'"
        ) from error
    return datasets
