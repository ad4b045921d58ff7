"""Where the pictures of CIFAR lie, in torchvision's order, with the class that each was published with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from noisette.data.datasets.cifar_layout import PIXEL_BYTES, SHAPE, CifarLayout
from noisette.data.datasets.cifar_pickles import find_pixels
from noisette.data.datasets.file_names import is_hidden, is_picture
from noisette.data.images.uris import raw_uri
from noisette.data.rows import whole_number
from noisette.data.text_blocks import check_file
from noisette.errors import DataFileError
from noisette.types import IntArray


class Picture(NamedTuple):
    """One picture and its published class; `path` and `row` say where that class was read, for messages."""

    key: str
    uri: str
    label: int
    path: Path
    row: int | None


def find_form(root: Path, layout: CifarLayout) -> str:
    """Say which form the pictures below `root` have: "binary", "python" or "folders".

    Raises:
        DataFileError: there is none of them, or one with files missing.
    """
    for form, (training, test) in (("binary", layout.binary), ("python", layout.python)):
        if (root / test).parent.is_dir():
            missing = [name for name in (*training, test) if not (root / name).is_file()]
            if missing:
                raise DataFileError(root, f"lacks {', '.join(missing)}; unpack the archive again")
            return form
    if (root / "train").is_dir() and (root / "test").is_dir():
        return "folders"
    raise DataFileError(root, f"holds no pictures; expected {layout.describe()}")


def iter_pictures(root: Path, layout: CifarLayout, form: str, split: str, clean_labels: IntArray) -> Iterator[Picture]:
    """Yield the pictures of split "train" or "test", in torchvision's order where the form has one.

    Args:
        root: the folder of the data set.
        layout: which data set.
        form: from `find_form`.
        split: "train" or "test".
        clean_labels: (N,) classes of the training pictures in torchvision's order, which files in folders need.
    """
    if form == "folders":
        return _from_folders(root, layout, split, clean_labels if split == "train" else None)
    training, test = layout.binary if form == "binary" else layout.python
    return _from_files(root, layout, form, training if split == "train" else (test,))


def _from_files(root: Path, layout: CifarLayout, form: str, names: Iterable[str]) -> Iterator[Picture]:
    number = 0
    for name in names:
        path = root / name
        if form == "python":
            start, labels = find_pixels(path, layout.label_key)
            step = PIXEL_BYTES
        else:
            start, step, labels = _read_labels(path, layout.label_bytes)
        for row, label in enumerate(labels.tolist()):
            uri = raw_uri(start + row * step, SHAPE, name)
            yield Picture(f"{number:05d}.png", uri, label, path, row + 1)
            number += 1


def _read_labels(path: Path, label_bytes: int) -> tuple[int, int, IntArray]:
    """Give the place of the first pixel, the bytes from picture to picture, and the labels of a binary file."""
    record = label_bytes + PIXEL_BYTES
    size = check_file(path).stat().st_size
    if size % record:
        raise DataFileError(path, f"must hold records of {record} bytes, but has {size} bytes; unpack it again")
    records = np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, record)
    return label_bytes, record, records[:, label_bytes - 1].astype(np.int64)


def _from_folders(root: Path, layout: CifarLayout, split: str, labels: IntArray | None) -> Iterator[Picture]:
    """Yield files; those for training in the order of `labels`: the k-th of a class is file k of its folder."""
    files = [_files(root / split / name) for name in layout.class_names]
    if labels is None:
        labels = np.repeat(np.arange(len(files)), [len(names) for names in files])
    else:
        _check_counts(root / split, layout, files, labels)
    upcoming = [iter(names) for names in files]
    for label in labels.tolist():
        key = f"{layout.class_names[label]}/{next(upcoming[label])}"
        yield Picture(key, f"{split}/{key}", label, root / split / key, None)


def _check_counts(folder: Path, layout: CifarLayout, files: list[list[str]], labels: IntArray) -> None:
    """With one file missing, all files after it would be given another picture's label."""
    counts = np.bincount(labels, minlength=len(files))
    for name, names, count in zip(layout.class_names, files, counts.tolist(), strict=True):
        numbers = [whole_number(Path(file).stem) for file in names]
        if len(names) != count or numbers not in (list(range(count)), list(range(1, count + 1))):
            raise DataFileError(
                folder / name,
                f"must hold {count} pictures, numbered in torchvision's order without a gap, and holds {len(names)}",
            )


def _files(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise DataFileError(folder, "does not exist; expected a folder for each class")
    names = [path.name for path in folder.iterdir() if is_picture(path.name) and not is_hidden(path.name)]
    return sorted(names, key=lambda name: (len(Path(name).stem), name))
