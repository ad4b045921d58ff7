"""The human labels of CIFAR-10N and CIFAR-100N."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from noisette.data.datasets.cifar_layout import CifarLayout
from noisette.errors import DataFileError, InvalidInputError
from noisette.types import IntArray, as_numpy

_CLEAN = "clean"


class HumanLabels(NamedTuple):
    """Labels of the training pictures in torchvision's order.

    Attributes:
        path: the file.
        clean: (N,) classes as published with CIFAR.
        human: (N,) what people said.
    """

    path: Path
    clean: IntArray
    human: IntArray


def read_human_labels(root: Path, layout: CifarLayout, label_field: str | None) -> HumanLabels:
    """Find and read the file of human labels.

    Args:
        root: the folder that holds the published ``CIFAR-10_human.pt`` (or in its data/), or an ``.npz`` with the same
            arrays, named as there (``worse_label``) or the other way round (``label_worse``).
        layout: which data set.
        label_field: which set ("worse", "aggre", "random1", ...; with or without ``_label``); None: the usual one.

    Raises:
        DataFileError: there is no such file, there are several ``.npz``, or it holds something else.
        InvalidInputError: the file has no set of that name.
    """
    wanted = label_field if label_field is not None else layout.default_labels
    path = _find(root, layout, wanted)
    with _open(path) as sets:
        names = {_plain(name): name for name in sets if _plain(name) != name and "coarse" not in name}
        wanted = wanted if wanted in names else _plain(wanted)
        if _CLEAN not in names:
            raise DataFileError(path, f"holds no clean_label; expected the human labels of {layout.name}")
        if wanted not in names:
            offered = ", ".join(sorted(set(names) - {_CLEAN}))
            raise InvalidInputError(f"`label_field` {label_field or wanted!r} is not in {path}; it has {offered}")
        clean, human = (_labels(path, names[name], sets) for name in (_CLEAN, wanted))
    if len(clean) != len(human):
        raise DataFileError(path, f"{names[wanted]} has {len(human)} labels, and {names[_CLEAN]} has {len(clean)}")
    if clean.min(initial=0) < 0 or clean.max(initial=0) >= len(layout.class_names):
        raise DataFileError(path, f"{names[_CLEAN]} must hold class ids below {len(layout.class_names)}")
    return HumanLabels(path, clean, human)


def _find(root: Path, layout: CifarLayout, wanted: str) -> Path:
    """Find the published file, or the one ``.npz`` of another name with clean labels and those that are wanted."""
    names = [f"{layout.human}.pt", f"data/{layout.human}.pt", f"{layout.human}.npz"]
    for path in (root / name for name in names):
        if path.is_file():
            return path
    sets = {path: _sets_in(path) for path in sorted(root.glob("*.npz"))}
    others = [path for path, held in sets.items() if _CLEAN in held and len(held) > 1]
    others = [path for path in others if sets[path] & {wanted, _plain(wanted)}] or others
    if len(others) == 1:
        return others[0]
    if others:
        found = ", ".join(path.name for path in others)
        raise DataFileError(root, f"has human labels in {found}; leave one, or call the right one {names[-1]}")
    reason = f"holds no human labels; expected {names[0]} (or an .npz with the same arrays)"
    if (root / f"{layout.human}_ordered.npy").is_file():
        reason += f". {layout.human}_ordered.npy is in the order of another library and is not read"
    raise DataFileError(root, reason)


def _sets_in(path: Path) -> set[str]:
    """Give the plain names of the labels in an archive of any name; it may be something else altogether."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile):
        return set()
    return {_plain(name) for name in names if _plain(name) != name}


def _plain(name: str) -> str:
    """Give "worse" for "worse_label" and "label_worse", "random1" for "random_label1"; other names as they are."""
    return re.sub("_label|^label_", "", name, count=1)


@contextmanager
def _open(path: Path) -> Iterator[Mapping[str, Any]]:
    """Give the arrays of a file by name. No object in it is made but arrays of numbers."""
    if path.suffix == ".npz":
        try:
            archive = np.load(path, allow_pickle=False)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataFileError(path, f"is no whole .npz file ({error})") from error
        with archive:
            yield archive
        return
    import torch  # not before it is needed: it takes seconds

    try:
        with torch.serialization.safe_globals(_allowed()):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file of any content raises errors of many families
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataFileError(path, f"is no torch file of arrays and numbers alone ({reason})") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise DataFileError(path, "must hold a dict of arrays by name")
    yield found


def _allowed() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Give what an array of whole numbers is made of, by its names in numpy 1 and 2."""
    rebuild = np.zeros(0).__reduce__()[0]
    assert callable(rebuild)
    homes = [f"{core}.multiarray._reconstruct" for core in ("numpy.core", "numpy._core")]
    kinds = {type(np.dtype(letter)) for letter in "bBhHiIlLqQ"}
    return [*((rebuild, home) for home in homes), np.ndarray, np.dtype, *kinds]


def _labels(path: Path, name: str, sets: Mapping[str, Any]) -> IntArray:
    try:
        values = as_numpy(sets[name])
    except ValueError as error:  # objects in an .npz
        raise DataFileError(path, f"{name} must be an array of class ids ({error})") from error
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise DataFileError(path, f"{name} must be an array (N,) of class ids, got {values.dtype} of {values.shape}")
    return values.astype(np.int64)
