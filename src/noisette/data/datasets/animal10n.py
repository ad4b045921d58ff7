"""ANIMAL-10N: 55,000 pictures of five pairs of animals that people mistake for each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from noisette.data.datasets.file_names import is_hidden, is_picture, is_usable
from noisette.data.datasets.records import ImageDataset
from noisette.data.rows import whole_number
from noisette.errors import DataFileError
from noisette.types import BadRows, Sample

CLASS_NAMES = (
    "cat",
    "lynx",
    "wolf",
    "coyote",
    "cheetah",
    "jaguar",
    "chimpanzee",
    "orangutan",
    "hamster",
    "guinea pig",
)
_LAYOUT = "ANIMAL-10N as published: training/<class id>_<name>.jpg, testing/<class id>_<name>.jpg"


def read_animal10n(root: str | Path, bad_rows: BadRows) -> ImageDataset:
    """Read ANIMAL-10N; the class id of a picture is what stands before the first ``_`` of its name.

    training/ becomes split "train", testing/ split "test" (its labels are taken as given), each sorted by name. Either
    may lie a folder deeper, as training/training/, which unpacking leaves behind. Keys are the names of the files.

    Args:
        root: the folder that holds training/ and testing/.
        bad_rows: takes files whose name is of another form, or names no class.

    Raises:
        DataFileError: a folder is missing.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    root = Path(root)
    folders = {split: _find_folder(root, name) for split, name in (("train", "training"), ("test", "testing"))}
    return ImageDataset(root, CLASS_NAMES, _samples(root, folders, bad_rows))


def _find_folder(root: Path, name: str) -> Path:
    folder = root / name
    if not folder.is_dir():
        raise DataFileError(root, f"lacks the folder {name}/; expected {_LAYOUT}")
    return folder / name if (folder / name).is_dir() else folder


def _samples(root: Path, folders: dict[str, Path], bad_rows: BadRows) -> Iterator[Sample]:
    for split, folder in folders.items():
        prefix = folder.relative_to(root).as_posix()
        for name in _names(folder, bad_rows):
            bad_rows.read()
            number, underscore, _ = name.partition("_")
            label = whole_number(number) if underscore else None
            if label is None or not is_picture(name) or not is_usable(name):
                bad_rows.add(folder / name, None, "wrong form", "expected a file <class id>_<name>.jpg")
            elif not 0 <= label < len(CLASS_NAMES):
                bad_rows.add(folder / name, None, "unknown class", f"{label} is no class id from 0 to 9")
            else:
                yield Sample(name, label, split, f"{prefix}/{name}")
        bad_rows.check(folder)


def _names(folder: Path, bad_rows: BadRows) -> list[str]:
    """Give the names of the files, sorted: a folder has no order of its own. Hidden files are left out."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                bad_rows.leave_out("hidden file")
            else:
                names.append(entry.name + "/" * entry.is_dir())
    return sorted(names)
