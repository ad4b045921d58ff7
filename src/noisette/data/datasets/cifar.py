"""CIFAR-10N and CIFAR-100N: the pictures of CIFAR with labels that people gave them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from noisette.data.datasets.cifar_labels import HumanLabels, read_human_labels
from noisette.data.datasets.cifar_layout import CIFAR10, CIFAR100, CifarLayout
from noisette.data.datasets.cifar_pictures import Picture, find_form, iter_pictures
from noisette.data.datasets.records import ImageDataset
from noisette.data.rows import verdict_of
from noisette.errors import DataFileError
from noisette.types import BadRows, Sample


def read_cifar10n(root: str | Path, bad_rows: BadRows, *, label_field: str | None = None) -> ImageDataset:
    """Read CIFAR-10N.

    The pictures are CIFAR-10's binary version, its python version (searched for pixels, never loaded), or files
    ``train/<class>/NNNN.jpg`` and ``test/<class>/NNNN.jpg`` numbered in torchvision's order. The human labels are
    CIFAR-10_human.pt, or an ``.npz`` with the same arrays; CIFAR-10_human_ordered.npy is not supported, for its rows
    are in the order of another library.

    A training picture carries the human label as given label, is verified against CIFAR's own label, and has that as
    correct label. Test pictures carry CIFAR's label, unverified. Keys are ``00000.png``, ... in
    torchvision's order, or ``<class>/NNNN.jpg``.

    Args:
        root: the folder with pictures and human labels.
        bad_rows: takes human labels that name no class, with their 1-based row.
        label_field: which human labels: "worse" (the default), "aggre", "random1", "random2" or "random3".

    Raises:
        DataFileError: pictures or labels are missing, damaged, or not in the same order.
        InvalidInputError: there are no labels of that name.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    return _read(Path(root), bad_rows, CIFAR10, label_field)


def read_cifar100n(root: str | Path, bad_rows: BadRows, *, label_field: str | None = None) -> ImageDataset:
    """Read CIFAR-100N, with its hundred fine classes; see `read_cifar10n`. `label_field` is "noisy" by default."""
    return _read(Path(root), bad_rows, CIFAR100, label_field)


def _read(root: Path, bad_rows: BadRows, layout: CifarLayout, label_field: str | None) -> ImageDataset:
    if not root.is_dir():
        raise DataFileError(root, f"is no folder; expected {layout.describe()} and {layout.human}.pt")
    form = find_form(root, layout)
    labels = read_human_labels(root, layout, label_field)
    return ImageDataset(root, layout.class_names, _samples(root, bad_rows, layout, form, labels))


def _samples(root: Path, bad_rows: BadRows, layout: CifarLayout, form: str, labels: HumanLabels) -> Iterator[Sample]:
    training = _check_order(iter_pictures(root, layout, form, "train", labels.clean), labels)
    for row, (picture, given) in enumerate(zip(training, labels.human.tolist(), strict=True), start=1):
        bad_rows.read()
        if not 0 <= given < len(layout.class_names):
            bad_rows.add(labels.path, row, "unknown class", f"{given} is none of {len(layout.class_names)} class ids")
            continue
        yield Sample(picture.key, given, "train", picture.uri, verdict_of(given, picture.label), picture.label)
    bad_rows.check(labels.path)
    for picture in iter_pictures(root, layout, form, "test", labels.clean):
        bad_rows.read()
        if picture.label >= len(layout.class_names):
            bad_rows.add(picture.path, picture.row, "unknown class", f"{picture.label} is no class id")
            continue
        yield Sample(picture.key, picture.label, "test", picture.uri)
    bad_rows.check(root)


def _check_order(pictures: Iterator[Picture], labels: HumanLabels) -> Iterator[Picture]:
    """Pass pictures on while they are the ones that the labels are about: CIFAR's own label stands in both files."""
    number = 0
    for picture in pictures:
        if number < len(labels.clean) and picture.label != labels.clean[number]:
            raise DataFileError(
                labels.path,
                f"is not in the order of the pictures: number {number} is of class {labels.clean[number]} here and "
                f"of class {picture.label} in {picture.path}; take both files as published",
                line=number + 1,
            )
        number += 1
        if number <= len(labels.clean):
            yield picture
    if number != len(labels.clean):
        raise DataFileError(labels.path, f"has {len(labels.clean)} labels, and there are {number} training pictures")
