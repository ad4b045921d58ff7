"""Clothing1M: a million pictures of 14 kinds of clothes with labels from shop pages, some labelled by hand too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from noisette.data.datasets.key_index import ABSENT, KeyIndex
from noisette.data.datasets.list_files import (
    Row,
    batched,
    check_path,
    drop_duplicates,
    iter_list,
    read_names,
    require_files,
    split_label,
)
from noisette.data.datasets.records import ImageDataset
from noisette.data.key_register import KeyRegister
from noisette.data.rows import verdict_of
from noisette.types import NOT_KNOWN, BadRows, BoolArray, Sample

_LISTS = {"noisy_train": "train", "clean_train": "train", "clean_val": "validation", "clean_test": "test"}
_NAMES = "category_names_eng.txt"
_FILES = (_NAMES, "noisy_label_kv.txt", "clean_label_kv.txt", *(f"{name}_key_list.txt" for name in _LISTS))
_LAYOUT = (
    f"Clothing1M as published: images/<n>/<n>/<name>.jpg and, beside images/ or in annotations/, {', '.join(_FILES)}"
)
_HOMES = ("train", "validation", "test")


def read_clothing1m(root: str | Path, bad_rows: BadRows) -> ImageDataset:
    """Read Clothing1M: one sample a picture, in the order of its noisy_train, clean_train, clean_val, clean_test lists.

    The given label is the noisy one. Where a picture has the clean label too, that is its correct label, and the
    verification label follows: 1 if the two are the same, else 0. The clean_val list becomes split "validation",
    clean_test "test". Test pictures carry the clean label as given label, unverified, for a model is measured by it.
    Pictures with a clean label only: those for validation carry it as given label, unverified; those for training are
    left out and counted, for a label set by hand is no label to find mistakes in. A training picture that is listed for
    validation or test too is left out of training.

    Args:
        root: the folder that holds images/; the text files lie in it or in its annotations/.
        bad_rows: takes bad rows with their file and line.

    Raises:
        DataFileError: a list file is missing.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    root = Path(root)
    nested = root / "annotations"
    folder = nested if (nested / _NAMES).is_file() and not (root / _NAMES).is_file() else root
    require_files(root, [folder / name for name in _FILES], _LAYOUT)
    names = read_names(folder / _NAMES)
    return ImageDataset(root, names, _Reader(folder, names, bad_rows).samples())


class _Reader:
    """Joins the key lists with the two label files, which are held as hashes and labels."""

    def __init__(self, folder: Path, class_names: tuple[str, ...], bad_rows: BadRows) -> None:
        self.folder, self.class_names, self.bad_rows = folder, class_names, bad_rows

    def samples(self) -> Iterator[Sample]:
        """Yield one sample a picture."""
        noisy, clean = self._labels("noisy_label_kv.txt"), self._labels("clean_label_kv.txt")
        homes = KeyIndex(self._homes(), self.folder, None)
        seen = np.zeros(len(homes), dtype=np.bool_)
        for name, split in _LISTS.items():
            path = self.folder / f"{name}_key_list.txt"
            rows = iter_list(path, self.bad_rows, check_path)
            for batch in batched(drop_duplicates(rows, path, self.bad_rows, KeyRegister(), str)):
                if name != "noisy_train":
                    batch = self._check(path, batch, clean)
                chosen = self._choose(batch, split, homes, seen)
                keys = [key for _, key in chosen]
                for row, given, right in zip(chosen, noisy.find(keys), clean.find(keys), strict=True):
                    sample = self._sample(path, row, split, int(given), int(right))
                    if sample is not None:
                        yield sample

    def _labels(self, name: str) -> KeyIndex:
        path = self.folder / name
        rows = iter_list(path, self.bad_rows, partial(split_label, class_names=self.class_names))
        return KeyIndex(rows, path, self.bad_rows)

    def _homes(self) -> Iterator[Row[tuple[str, int]]]:
        """Yield the pictures of the clean lists with their split; test wins, then validation."""
        unheard = BadRows(on_error="skip", max_bad=1.0)  # bad lines are reported when the list becomes samples
        for name in ("clean_test", "clean_val", "clean_train"):
            for line, key in iter_list(self.folder / f"{name}_key_list.txt", unheard, check_path):
                yield line, (key, _HOMES.index(_LISTS[name]))

    def _check(self, path: Path, batch: list[Row[str]], clean: KeyIndex) -> list[Row[str]]:
        """Give the pictures of a clean list that have a clean label."""
        good = []
        for (line, key), right in zip(batch, clean.find([key for _, key in batch]), strict=True):
            if right == ABSENT:
                self.bad_rows.add(path, line, "no label", f"{key!r} is not in clean_label_kv.txt")
            else:
                good.append((line, key))
        return good

    def _choose(self, batch: list[Row[str]], split: str, homes: KeyIndex, seen: BoolArray) -> list[Row[str]]:
        """Give the pictures of a list that are of its split and new; marks those of the clean lists as seen."""
        places = homes.places([key for _, key in batch])
        home = homes.numbers_at(places)
        use = (home == ABSENT) | (home == _HOMES.index(split))
        others = "validation or test" if split == "train" else "test"
        listed = "training" if split == "train" else split
        self.bad_rows.leave_out(f"listed for {listed}, but of the {others} split", int((~use).sum()))
        is_clean = home != ABSENT
        use[is_clean] &= ~seen[places[is_clean]]
        seen[places[use & is_clean]] = True
        return [row for row, used in zip(batch, use, strict=True) if used]

    def _sample(self, path: Path, row: Row[str], split: str, given: int, right: int) -> Sample | None:
        line, key = row
        if given == ABSENT and right == ABSENT:
            self.bad_rows.add(path, line, "no label", f"{key!r} is not in noisy_label_kv.txt")
            return None
        if given == ABSENT and split == "train":
            self.bad_rows.leave_out("training picture with a clean label only")
            return None
        if given == ABSENT or split == "test":
            return Sample(key, right, split, key)
        correct = NOT_KNOWN if right == ABSENT else right
        return Sample(key, given, split, key, verdict_of(given, correct), correct)
