"""A folder of pictures: root/class/picture, or root/split/class/picture, as torchvision's ImageFolder has them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from noisette.data.datasets.class_names import class_ids
from noisette.data.datasets.file_names import is_hidden, is_picture, is_usable, printable
from noisette.data.datasets.folder_walk import FolderEntry, check_folder, list_folder, walk_files
from noisette.data.datasets.records import ImageDataset
from noisette.data.datasets.split_names import known_split
from noisette.errors import DataFileError
from noisette.types import BadRows, Sample

_EXPECTED = "expected root/class/picture.jpg, or root/train/class/picture.jpg"
_OUR_FILES = ("noisette.toml", "noisette-export.json", "noisette-export.unfinished.json")
_OURS = "Noisette folder"
"""Kind of a folder that holds a workspace or an export, which is no class."""


class _Split(NamedTuple):
    """One split: its folder relative to the root ("" where there are no splits), and what is in it."""

    name: str
    folder: str
    entries: list[FolderEntry]

    def class_folders(self) -> list[str]:
        """Names of the class folders, sorted."""
        return [one.name for one in self.entries if one.kind == "folder" and not is_hidden(one.name)]


def read_image_folder(root: str | Path, bad_rows: BadRows, *, class_names: Sequence[str] | None = None) -> ImageDataset:
    """Read a folder of class folders of pictures; the pictures themselves are not opened.

    Where all folders in `root` are called train, training, val, valid, validation, test or testing, they are splits
    with class folders in them. Workspaces and exports of Noisette among class folders are left out. A key is the path
    relative to the folder of its split, a uri the path relative to `root`. Samples come split by split, in the order of
    the classes, then of the paths.

    Args:
        root: the folder.
        bad_rows: takes files that are no pictures by their name, pictures outside class folders, pictures of no class
            in `class_names`, names that are not UTF-8 or hold control characters, folders that cannot be read, links
            that lead nowhere or round. Hidden files are left out.
        class_names: names in the order of their ids; None: the sorted names of the class folders of all splits.

    Raises:
        DataFileError: `root` is missing, no folder, has no class folders, has folders of splits and others side by
            side or, once all was looked at, no pictures.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    root = check_folder(root)
    top, splits = _find_splits(root, class_names or ())
    found = sorted({name for split in splits for name in split.class_folders() if is_usable(name)})
    if not found:
        raise DataFileError(root, f"has no class folders; {_EXPECTED}")
    names = tuple(found) if class_names is None else tuple(class_names)
    return ImageDataset(root, names, _samples(root, top, splits, class_ids(names), bad_rows))


def _find_splits(root: Path, class_names: Sequence[str]) -> tuple[list[FolderEntry], list[_Split]]:
    """Give the entries beside the folders of splits, and the splits."""
    top = _list(root, "")
    folders = [entry for entry in top if entry.kind == "folder" and not is_hidden(entry.name)]
    names = [known_split(entry.name) for entry in folders]
    if None in names:
        _refuse_mixture(root, folders, class_names)
    if not folders or None in names:
        return [], [_Split("train", "", top)]
    if len(set(names)) < len(names):
        both = " and ".join(repr(entry.name) for entry in folders if names.count(known_split(entry.name)) > 1)
        raise DataFileError(root, f"has folders {both} for the same split; keep one of them")
    splits = [
        _Split(name, entry.path, _list(root, entry.path)) for name, entry in zip(names, folders, strict=True) if name
    ]
    order = ("train", "validation", "test")
    return [one for one in top if one not in folders], sorted(splits, key=lambda split: order.index(split.name))


def _refuse_mixture(root: Path, folders: list[FolderEntry], class_names: Sequence[str]) -> None:
    """Refuse folders of splits with others beside them: as classes they would be called "train" and "val".

    A lone one that holds pictures itself, or no folders, is a class, and so is one that the class list names.
    """
    splits = [one for one in folders if known_split(one.name) is not None and one.name not in class_names]
    if not splits or (len(splits) == 1 and not _holds_folders_alone(root, splits[0].path)):
        return
    others = [repr(printable(one.name)) for one in folders if one not in splits]
    shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    named = " and ".join(repr(one.name) for one in splits)
    raise DataFileError(
        root,
        f"has {shown} beside folders named as splits are ({named}); move what is no split away, or name the folder "
        "that holds one split; if they are classes, give a class list that names them",
    )


def _holds_folders_alone(root: Path, folder: str) -> bool:
    entries = [one for one in _list(root, folder) if not is_hidden(one.name)]
    return any(one.kind == "folder" for one in entries) and not any(is_picture(one.name) for one in entries)


def _list(root: Path, folder: str) -> list[FolderEntry]:
    try:
        entries = list_folder(root, folder)
    except OSError as error:
        raise DataFileError(root / folder, f"cannot be listed ({error.strerror})") from error
    return [one._replace(kind=_OURS) if one.kind == "folder" and _is_ours(root / one.path) else one for one in entries]


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder holds a workspace or an export; a `Path` would raise if it may not be entered."""
    return any(os.path.isfile(folder / name) for name in _OUR_FILES)  # noqa: PTH113


def _samples(
    root: Path, top: list[FolderEntry], splits: list[_Split], ids: dict[str, int], bad_rows: BadRows
) -> Iterator[Sample]:
    _report_files_beside(root, top, bad_rows)
    some = False
    for split in splits:
        _report_files_beside(root, split.entries, bad_rows)
        for name in sorted(split.class_folders(), key=lambda name: (ids.get(name, len(ids)), name)):
            folder = f"{split.folder}/{name}" if split.folder else name
            for path in walk_files(root, folder, bad_rows):
                bad_rows.read()
                problem = _problem(path, name, ids)
                if problem is not None:
                    bad_rows.add(root / printable(path), None, *problem)
                    continue
                some = True
                yield Sample(path[len(split.folder) :].removeprefix("/"), ids[name], split.name, path)
    bad_rows.check(root)
    if not some:
        raise DataFileError(root, f"gives no samples ({bad_rows.summary()}); {_EXPECTED}")


def _problem(path: str, class_name: str, ids: dict[str, int]) -> tuple[str, str] | None:
    """Give kind and detail of what is wrong with a file in a class folder, if anything is."""
    if not is_picture(path):
        return "not a picture by its name", ""
    if not is_usable(path):
        return "unusable name", "it is not UTF-8 or holds control characters; rename it"
    if class_name not in ids:
        return "unknown class", f"folder {class_name!r} is none of the {len(ids)} classes"
    return None


def _report_files_beside(root: Path, entries: list[FolderEntry], bad_rows: BadRows) -> None:
    """Report what lies beside class folders: pictures are bad, a read-me or a list is left out."""
    for entry in entries:
        if is_hidden(entry.name):
            bad_rows.leave_out(f"hidden {entry.kind}")
        elif entry.kind == "folder":
            continue
        elif entry.kind == _OURS:
            bad_rows.leave_out("folder of a Noisette workspace or export")
        elif is_picture(entry.name):
            bad_rows.read()
            bad_rows.add(root / printable(entry.path), None, "no class folder", _EXPECTED)
        else:
            bad_rows.leave_out("not a picture, beside the class folders")
