"""Food-101N: 310,009 pictures of 101 dishes with the labels of a web search, 57,609 of them verified."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from noisette.data.datasets.list_files import (
    check_path,
    class_of_path,
    drop_duplicates,
    iter_list,
    read_names,
    require_files,
)
from noisette.data.datasets.records import ImageDataset
from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError, parse_verification_label
from noisette.errors import DataFileError, TooManyBadRowsError
from noisette.types import UNVERIFIED, BadRows, Sample

_LAYOUT = (
    "Food-101N as published: images/<class>/<key>.jpg, meta/classes.txt, meta/imagelist.tsv, "
    "meta/verified_train.tsv, meta/verified_val.tsv"
)
_TEST_LAYOUT = "Food-101 as published: images/<class>/<id>.jpg, meta/test.txt"
_HEADER = "class_name/key"


def read_food101n(root: str | Path, bad_rows: BadRows, *, test_root: str | Path | None = None) -> ImageDataset:
    """Read Food-101N, and the test pictures of Food-101 where they are at hand.

    Every picture of meta/imagelist.tsv is a sample, in that order, with key ``<class>/<name>``. Those of
    meta/verified_val.tsv are of split "validation", all others of split "train". A verified row of a picture that is
    not in the list (the published files have one) is taken down as a bad row, and never stops the reading. The labels
    of the test pictures are taken as given; they are no verification labels.

    Args:
        root: the folder with images/ and meta/.
        bad_rows: takes bad rows with their file and line.
        test_root: the folder of Food-101 (not N), whose meta/test.txt lists the test pictures; None: no split "test".

    Raises:
        DataFileError: a list file is missing or names no class, or the lists do not belong together.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    root = Path(root)
    names = ("classes.txt", "imagelist.tsv", "verified_train.tsv", "verified_val.tsv")
    require_files(root, [root / "meta" / name for name in names], _LAYOUT)
    class_names = read_names(root / "meta" / "classes.txt", header="class_name")
    class_ids = {name: number for number, name in enumerate(class_names)}
    test = None
    if test_root is not None:
        test = Path(test_root)
        require_files(test, [test / "meta" / "test.txt"], _TEST_LAYOUT)
    return ImageDataset(root, class_names, _samples(root, test, class_ids, bad_rows))


class _Verified(NamedTuple):
    """One row of a verified list."""

    label: int
    split: str
    path: Path
    line: int


def _samples(root: Path, test: Path | None, class_ids: dict[str, int], bad_rows: BadRows) -> Iterator[Sample]:
    verified: dict[str, _Verified] = {}
    # Validation first: a picture in both lists is one that nothing may be learned from.
    for split, name in (("validation", "verified_val.tsv"), ("train", "verified_train.tsv")):
        _read_verified(root / "meta" / name, split, verified, bad_rows)
    num_verified = len(verified)
    path = root / "meta" / "imagelist.tsv"
    rows = iter_list(path, bad_rows, lambda text: _sample(text, class_ids, verified), header=_HEADER)
    for _, sample in drop_duplicates(rows, path, bad_rows, KeyRegister(), lambda sample: sample.key):
        verified.pop(sample.key, None)
        yield sample
    if num_verified and len(verified) == num_verified:
        raise DataFileError(path, "lists none of the verified pictures; take all files of meta/ from one copy")
    for key, row in verified.items():
        _warn(bad_rows, row, f"{key!r} is not in {path.name}")
    if test is not None:
        yield from _test_samples(root, test, class_ids, bad_rows)


def _warn(bad_rows: BadRows, row: _Verified, detail: str) -> None:
    """Take down a verified row without a picture; also where bad rows stop, for the published files have one."""
    try:
        bad_rows.add(row.path, row.line, "verified picture is not listed", detail)
    except TooManyBadRowsError:
        if bad_rows.on_error != "stop":
            raise


def _read_verified(path: Path, split: str, verified: dict[str, _Verified], bad_rows: BadRows) -> None:
    for line, (key, label) in iter_list(path, bad_rows, _parse_verified, header=_HEADER):
        before = verified.get(key)
        if before is not None:
            where = "" if before.path == path else f" of {before.path.name}"
            bad_rows.add(path, line, "duplicate key", f"{key!r} is on line {before.line}{where} too")
        elif label == UNVERIFIED:
            bad_rows.leave_out("verification label -1")
        else:
            verified[key] = _Verified(label, split, path, line)


def _parse_verified(text: str) -> tuple[str, int]:
    cells = text.split("\t")
    if len(cells) != 2:
        raise BadRowError("wrong form", f"expected '<class>/<key><TAB>0|1', got {text!r}")
    return cells[0], parse_verification_label(cells[1])


def _sample(text: str, class_ids: dict[str, int], verified: dict[str, _Verified]) -> Sample:
    label = class_of_path(check_path(text), class_ids)
    row = verified.get(text)
    if row is None:
        return Sample(text, label, uri=f"images/{text}")
    return Sample(text, label, row.split, f"images/{text}", row.label)


def _test_samples(root: Path, test: Path, class_ids: dict[str, int], bad_rows: BadRows) -> Iterator[Sample]:
    folder = (test / "images").resolve()
    # Windows has no relative path from one drive to another.
    with suppress(ValueError):
        # Both resolved: ".." of a link leads out of the folder that it points to.
        folder = Path(os.path.relpath(folder, root.resolve()))
    path = test / "meta" / "test.txt"

    def parse(text: str) -> Sample:
        key = check_path(text.removesuffix(".jpg")) + ".jpg"
        return Sample(key, class_of_path(key, class_ids), "test", f"{folder.as_posix()}/{key}")

    rows = iter_list(path, bad_rows, parse)
    for _, sample in drop_duplicates(rows, path, bad_rows, KeyRegister(), lambda sample: sample.key):
        yield sample
