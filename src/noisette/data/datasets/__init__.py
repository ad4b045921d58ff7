"""Readers of image data sets; each gives its class names and a stream of `Sample`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from noisette.data.datasets.animal10n import read_animal10n
from noisette.data.datasets.cifar import read_cifar10n, read_cifar100n
from noisette.data.datasets.clothing1m import read_clothing1m
from noisette.data.datasets.food101n import read_food101n
from noisette.data.datasets.huggingface import read_huggingface
from noisette.data.datasets.image_folder import read_image_folder
from noisette.data.datasets.manifest import read_manifest
from noisette.data.datasets.records import ImageDataset
from noisette.data.datasets.webdataset import read_webdataset
from noisette.data.datasets.webvision import read_mini_webvision, read_webvision
from noisette.errors import InvalidInputError
from noisette.types import BadRows

__all__ = [
    "DATASETS",
    "ImageDataset",
    "dataset_options",
    "read_animal10n",
    "read_cifar10n",
    "read_cifar100n",
    "read_clothing1m",
    "read_dataset",
    "read_food101n",
    "read_huggingface",
    "read_image_folder",
    "read_manifest",
    "read_mini_webvision",
    "read_webdataset",
    "read_webvision",
]

DATASETS: dict[str, Callable[..., ImageDataset]] = {
    "food101n": read_food101n,
    "clothing1m": read_clothing1m,
    "webvision": read_webvision,
    "mini-webvision": read_mini_webvision,
    "animal10n": read_animal10n,
    "cifar10n": read_cifar10n,
    "cifar100n": read_cifar100n,
    "webdataset": read_webdataset,
    "huggingface": read_huggingface,
}
"""Readers by the name of the data set (or the form that data sets of any name are written in)."""


def dataset_options(name: str) -> frozenset[str]:
    """Give which of test_root, label_field and class_names a data set takes."""
    return frozenset(inspect.signature(DATASETS[name]).parameters) & {"test_root", "label_field", "class_names"}


def read_dataset(
    name: str,
    root: str | Path,
    bad_rows: BadRows,
    *,
    test_root: str | Path | None = None,
    label_field: str | None = None,
    class_names: Sequence[str] | None = None,
) -> ImageDataset:
    """Read a data set of a known layout.

    Args:
        name: one of `DATASETS`.
        root: its folder.
        bad_rows: takes entries that cannot be used.
        test_root: another folder with the test pictures (food101n).
        label_field: which labels (cifar10n, cifar100n, webdataset, huggingface).
        class_names: names in the order of their ids (webdataset, huggingface).

    Raises:
        InvalidInputError: there is no such data set, or it does not take an option that is not None.
        DataFileError: `root` does not hold the data set.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    if name not in DATASETS:
        raise InvalidInputError(f"`name` must be one of {', '.join(DATASETS)}, got {name!r}")
    options: dict[str, Any] = {"test_root": test_root, "label_field": label_field, "class_names": class_names}
    options = {option: value for option, value in options.items() if value is not None}
    for option in options:
        able = [other for other in DATASETS if option in dataset_options(other)]
        if name not in able:
            raise InvalidInputError(f"`{option}` means nothing for {name!r}, only for {', '.join(able)}; leave it out")
    return DATASETS[name](root, bad_rows, **options)
