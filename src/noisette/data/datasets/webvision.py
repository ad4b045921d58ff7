"""WebVision 1.0: 2.4 million pictures of the thousand ImageNet classes from Google and Flickr; and its mini version."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path

from noisette.data.datasets.list_files import drop_duplicates, iter_list, read_names, require_files, split_label
from noisette.data.datasets.records import ImageDataset
from noisette.data.key_register import KeyRegister
from noisette.types import BadRows, Sample

_LAYOUT = (
    "WebVision 1.0 as published: info/synsets.txt, info/train_filelist_google.txt, info/train_filelist_flickr.txt, "
    "info/val_filelist.txt, the training pictures where the lists say, val_images_256/"
)
_MINI_LAYOUT = _LAYOUT.replace("info/train_filelist_flickr.txt, ", "")
_MINI_CLASSES = 50


def read_webvision(root: str | Path, bad_rows: BadRows) -> ImageDataset:
    """Read WebVision 1.0: the training pictures of Google, then of Flickr, then the validation pictures.

    Keys and uris of training pictures are the paths of the lists; validation pictures lie in val_images_256/ (or in
    val_images/ where only that folder is there). A class name is a whole line of info/synsets.txt, id included: two
    classes are called "crane", two "maillot".

    Args:
        root: the folder that holds info/.
        bad_rows: takes bad rows with their file and line.

    Raises:
        DataFileError: a list file is missing, or info/synsets.txt is no class list.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    return _read(Path(root), bad_rows, ("google", "flickr"), None, _LAYOUT)


def read_mini_webvision(root: str | Path, bad_rows: BadRows) -> ImageDataset:
    """Read mini-WebVision: of `read_webvision`, the first 50 classes and the pictures of Google.

    Rows of other classes are counted as left out; the Flickr list is not needed.
    """
    return _read(Path(root), bad_rows, ("google",), _MINI_CLASSES, _MINI_LAYOUT)


def _read(root: Path, bad_rows: BadRows, sources: tuple[str, ...], limit: int | None, layout: str) -> ImageDataset:
    info = root / "info"
    lists = [info / f"train_filelist_{source}.txt" for source in sources]
    validation = info / "val_filelist.txt"
    require_files(root, [info / "synsets.txt", *lists, validation], layout)
    names = read_names(info / "synsets.txt")
    samples = _samples(root, lists, validation, names, limit, bad_rows)
    return ImageDataset(root, names[:limit], samples)


def _samples(
    root: Path, lists: list[Path], validation: Path, names: tuple[str, ...], limit: int | None, bad_rows: BadRows
) -> Iterator[Sample]:
    small, full = root / "val_images_256", root / "val_images"
    folder = full.name if full.is_dir() and not small.is_dir() else small.name
    register = KeyRegister()  # of all training lists together
    for path in lists:
        register.start_file(path.name)
        yield from _rows(path, "train", "", names, limit, register, bad_rows)
    yield from _rows(validation, "validation", f"{folder}/", names, limit, KeyRegister(), bad_rows)


def _rows(
    path: Path,
    split: str,
    prefix: str,
    names: tuple[str, ...],
    limit: int | None,
    register: KeyRegister,
    bad_rows: BadRows,
) -> Iterator[Sample]:
    rows = iter_list(path, bad_rows, partial(split_label, class_names=names))
    for _, (key, label) in drop_duplicates(rows, path, bad_rows, register, itemgetter(0)):
        if limit is not None and label >= limit:
            bad_rows.leave_out(f"class is none of the first {limit}")
            continue
        yield Sample(key, label, split, prefix + key)
