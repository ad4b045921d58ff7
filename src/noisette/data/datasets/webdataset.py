"""Tar shards of pictures with labels, as WebDataset and img2dataset write them; members are read in place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from noisette.data.datasets.cells import several
from noisette.data.datasets.checked_samples import ReadEntry, check_entries
from noisette.data.datasets.class_names import ClassFinder
from noisette.data.datasets.file_names import is_usable, printable
from noisette.data.datasets.folder_walk import check_folder, walk_files
from noisette.data.datasets.label_reader import LabelReader
from noisette.data.datasets.records import ImageDataset
from noisette.data.datasets.shard_groups import ShardError, ShardGroup, iter_groups
from noisette.data.datasets.shard_labels import read_label_cells
from noisette.data.datasets.split_names import split_of_path
from noisette.data.images.uris import tar_uri
from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError
from noisette.errors import DataFileError
from noisette.types import BadRows, Sample

_PACKED = re.compile(r"\.(tar\.\w+|tgz|tbz2?|txz|tzst)$", re.IGNORECASE)
_WRITTEN_BESIDE = (".parquet", ".json")  # img2dataset's tables and counts


def read_webdataset(
    root: str | Path,
    bad_rows: BadRows,
    *,
    class_names: Sequence[str] | None = None,
    label_field: str | None = None,
) -> ImageDataset:
    """Read all ``.tar`` shards below a folder; adjacent members of one basename are a sample.

    A sample has a picture (``x.jpg``, ...) and a label: ``x.cls``, or a field of ``x.json``, whose fields
    verification_label, correct_label and split are read too. Where no field names the split, the shard's path may:
    ``val/0.tar`` and ``x-val-0.tar`` are of split "validation"; else it is "train". A key is the path of the shard and
    the picture in it.

    Args:
        root: the folder.
        bad_rows: takes samples without picture or label, and shards that are compressed, damaged or cut off (the
            samples before the cut are kept).
        class_names: names in the order of their ids; labels may be names or ids, a name wins. None: the labels are
            read twice, and if most are names, the sorted names become the class list; else they are ids.
        label_field: the field of the ``.json`` that holds the label, before any ``.cls``; None: the ``.cls``, else
            the first of given_label, label, class, class_name, class_label.

    Raises:
        DataFileError: `root` is missing, no folder, has no shards or, once all was looked at, no samples.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    root = check_folder(root)
    ids_too = True
    if class_names is None:
        class_names, ids_too = _find_classes(root, label_field)
    reader = LabelReader(tuple(class_names), ids_too=ids_too, may_split=False)
    return ImageDataset(root, tuple(class_names), _samples(root, reader, label_field, bad_rows))


def _find_classes(root: Path, label_field: str | None) -> tuple[tuple[str, ...], bool]:
    finder, nobody = ClassFinder(root), BadRows(on_error="skip", max_bad=1.0, keep=0)
    for shard in _shards(root, nobody):
        for entry in _groups(root / shard, nobody):
            if isinstance(entry, BadRowError):
                continue
            group, file = entry
            try:
                cells = read_label_cells(file, group, label_field)
            except BadRowError:
                continue
            for name in ("given_label", "correct_label"):
                finder.add(several(cells.get(name)))
    return finder.found()


def _samples(root: Path, reader: LabelReader, label_field: str | None, bad_rows: BadRows) -> Iterator[Sample]:
    some_shard = some = False
    for shard in _shards(root, bad_rows):
        some_shard = True
        entries = _entries(root, shard, reader, label_field, bad_rows)
        for sample in check_entries(entries, KeyRegister(), bad_rows):
            some = True
            yield sample
        bad_rows.check(root / shard)
    if not some:
        found = "gives no samples" if some_shard else "holds no .tar shards"
        raise DataFileError(root, f"{found} ({bad_rows.summary()}); expected x.jpg with x.cls or x.json in .tar files")


def _shards(root: Path, bad_rows: BadRows) -> Iterator[str]:
    for path in walk_files(root, "", bad_rows):
        problem: tuple[str, str] | None = None
        if _PACKED.search(path):
            problem = "compressed shard", "unpack it to a plain .tar, in which members can be found"
        elif path.lower().endswith(".tar"):
            if is_usable(path):
                yield path
                continue
            problem = "unusable name", "it is not UTF-8 or holds control characters; rename it"
        if problem is not None:
            bad_rows.read()
            bad_rows.add(root / printable(path), None, *problem)
        elif not path.endswith(_WRITTEN_BESIDE):
            bad_rows.leave_out("no .tar file")


def _groups(path: Path, bad_rows: BadRows) -> Iterator[tuple[ShardGroup, BinaryIO] | BadRowError]:
    """Yield the groups of a shard with the open shard; last, what is wrong with the shard, if anything is."""
    try:
        with path.open("rb") as file:
            for group in iter_groups(path, bad_rows):
                yield group, file
    except ShardError as error:
        yield BadRowError("unreadable shard", str(error))
    except OSError as error:
        yield BadRowError("unreadable shard", error.strerror or str(error))


def _entries(
    root: Path, shard: str, reader: LabelReader, label_field: str | None, bad_rows: BadRows
) -> Iterator[ReadEntry]:
    for found in _groups(root / shard, bad_rows):
        if isinstance(found, BadRowError):
            yield ReadEntry(root / shard, None, found)
            continue
        group, file = found
        try:
            yield ReadEntry(root / shard, None, _group_samples(shard, group, file, reader, label_field))
        except BadRowError as error:
            if not group.is_last_of_cut:  # else the cut is what is wrong, and reported next
                yield ReadEntry(root / shard / printable(group.name), None, error)


def _group_samples(
    shard: str, group: ShardGroup, file: BinaryIO, reader: LabelReader, label_field: str | None
) -> list[Sample]:
    picture = group.picture()
    if picture is None:
        found = [ending or "no ending" for ending in group.members]
        found += [f"{ending} ({kind})" for ending, kind in group.skipped.items()]
        raise BadRowError("no picture", f"expected a .jpg, .png, ..., got {', '.join(found)}")
    name = picture.name.removeprefix("./")
    if not is_usable(name):
        raise BadRowError("unusable name", "it is not UTF-8 or holds control characters")
    if picture.size == 0:
        raise BadRowError("empty picture", repr(name))
    cells = read_label_cells(file, group, label_field, split_of_path(shard))
    uri = tar_uri(picture.offset, picture.size, name, shard)
    return reader.samples(f"{shard}/{name}", uri, cells)
