"""A manifest: a table that names each image and its label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from noisette.data.datasets.cells import cell_text, several
from noisette.data.datasets.checked_samples import ReadEntry, check_entries
from noisette.data.datasets.class_names import ClassFinder
from noisette.data.datasets.file_names import is_usable
from noisette.data.datasets.folder_walk import check_folder
from noisette.data.datasets.label_reader import LabelReader
from noisette.data.datasets.manifest_places import ManifestPlaces
from noisette.data.datasets.manifest_rows import is_text, iter_rows, manifest_files
from noisette.data.datasets.records import ImageDataset
from noisette.data.datasets.split_names import split_name
from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError
from noisette.errors import DataFileError
from noisette.types import BadRows, Sample


def read_manifest(
    path: str | Path,
    bad_rows: BadRows,
    *,
    root: str | Path | None = None,
    class_names: Sequence[str] | None = None,
) -> ImageDataset:
    """Read a CSV, TSV or Parquet file, or a folder of Parquet parts, that names images and their labels.

    Columns: `path` (or file, filename, image, ...), or `shard` and `member` for a file in a tar; `given_label` (or
    label, class, ...), ids or names; where present `key`, `split`, `verification_label`, `correct_label`. Several
    labels in a cell (``dog|cat`` in text, a list in Parquet) give one sample a label, with keys ``<key>|<class name>``.

    Args:
        path: the manifest.
        bad_rows: takes bad rows with their line (text) or 1-based row number.
        root: the folder that paths are relative to; None: the folder of the manifest.
        class_names: names in the order of their ids; labels may be names or ids, a name wins. None: the file is read
            twice, and if most labels are names, the sorted names become the class list; else they are ids.

    Raises:
        DataFileError: a file is missing, empty, no manifest, or lacks a column that is needed.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    files = manifest_files(path)
    folder = check_folder(root if root is not None else files[0].parent)
    ids_too = True
    if class_names is None:
        class_names, ids_too = _find_classes(Path(path), files)
    reader = LabelReader(tuple(class_names), ids_too=ids_too, may_split=is_text(files[0]))
    samples = _samples(Path(path), files, ManifestPlaces(folder), reader, bad_rows)
    return ImageDataset(folder, tuple(class_names), samples)


def _find_classes(path: Path, files: Sequence[Path]) -> tuple[tuple[str, ...], bool]:
    finder = ClassFinder(path)
    may_split = is_text(files[0])
    for file in files:
        for _, cells in iter_rows(file):
            if not isinstance(cells, BadRowError):
                finder.add(several(cells["given_label"], may_split=may_split))
                if cells.get("correct_label"):
                    finder.add(several(cells["correct_label"], may_split=may_split))
    return finder.found()


def _samples(
    path: Path, files: Sequence[Path], places: ManifestPlaces, reader: LabelReader, bad_rows: BadRows
) -> Iterator[Sample]:
    keys, some = KeyRegister(), False
    for file in files:
        keys.start_file(file.name)
        for sample in check_entries(_entries(file, places, reader), keys, bad_rows):
            some = True
            yield sample
        bad_rows.check(file)
    if not some:
        raise DataFileError(path, f"gives no samples ({bad_rows.summary()})")


def _entries(file: Path, places: ManifestPlaces, reader: LabelReader) -> Iterator[ReadEntry]:
    for line, cells in iter_rows(file):
        found: list[Sample] | BadRowError
        try:
            found = cells if isinstance(cells, BadRowError) else _row(cells, places, reader)
        except BadRowError as error:
            found = error
        yield ReadEntry(file, line, found)


def _row(cells: Mapping[str, Any], places: ManifestPlaces, reader: LabelReader) -> list[Sample]:
    key, uri = places.find(cells)
    if "split" not in cells:
        return reader.samples(key, uri, cells)
    split = split_name(cell_text(cells["split"]))
    if not is_usable(split):
        raise BadRowError("unusable split", repr(split))
    return reader.samples(key, uri, {**cells, "split": split})
