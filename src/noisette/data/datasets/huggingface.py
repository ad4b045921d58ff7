"""Hugging Face data sets that `save_to_disk` wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisette.data.datasets.cells import cell_text, several
from noisette.data.datasets.checked_samples import ReadEntry, check_entries
from noisette.data.datasets.class_names import ClassFinder
from noisette.data.datasets.file_names import is_usable
from noisette.data.datasets.label_reader import LabelReader
from noisette.data.datasets.records import ImageDataset
from noisette.data.datasets.split_names import split_name
from noisette.data.images.hub import image_columns, open_hub
from noisette.data.images.uris import hub_uri
from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError
from noisette.errors import DataFileError, InvalidInputError
from noisette.types import BadRows, Sample

_BATCH = 4096
_OPTIONAL = ("key", "verification_label", "correct_label")


def read_huggingface(
    root: str | Path,
    bad_rows: BadRows,
    *,
    label_field: str | None = None,
    class_names: Sequence[str] | None = None,
) -> ImageDataset:
    """Read a data set that `datasets.Dataset.save_to_disk` or `datasets.DatasetDict.save_to_disk` wrote.

    Pictures are the first column of images; they are not looked at. Columns key, verification_label and correct_label
    are used where they are; without keys, a key is the row's number from 0. Several labels in a row give one sample a
    label, with keys ``<key>|<class name>``. Rows with class -1, which means "no label" there, are left out and counted.

    Args:
        root: the folder that was written.
        bad_rows: takes bad rows with the folder of their split and their 1-based number.
        label_field: the column of given labels; None: given_label, else label, else the first column of classes.
        class_names: names in the order of their ids, for columns without names of their own. None: those of the
            column; or, where it has none, what is found in a first pass: the sorted texts, else ids.

    Raises:
        MissingExtraError: the package `datasets` is not installed.
        DataFileError: `root` is no such data set, has no column of images or labels, or two splits that mean the same.
        InvalidInputError: there is no column `label_field`, or `class_names` are not those of the column.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    root = Path(root)
    splits = open_hub(str(root))
    _check_splits(root, splits)
    columns = _find_columns(root, splits, label_field)
    own, ids_too = columns.names, True
    if own is not None and class_names is not None and tuple(class_names) != own:
        raise InvalidInputError(f"`class_names` must be {own}, as column {columns.label!r} has them; leave them out")
    names = own if own is not None else class_names
    if names is None:
        names, ids_too = _find_classes(root, splits, columns)
    reader = LabelReader(tuple(names), ids_too=ids_too, may_split=False)
    return ImageDataset(root, tuple(names), _samples(root, splits, columns, reader, bad_rows))


def _check_splits(root: Path, splits: Mapping[str, Any]) -> None:
    """Refuse two splits of one name: rows without keys would have the same identities."""
    by_name: dict[str, str] = {}
    for name in splits:
        ours = split_name(name)
        if ours in by_name:
            raise DataFileError(root, f"has splits {by_name[ours]!r} and {name!r}, which both mean {ours}; keep one")
        by_name[ours] = name


@dataclass(frozen=True)
class _Columns:
    """Names of the columns of images and given labels, and of the classes where these columns know them."""

    image: str
    label: str
    names: tuple[str, ...] | None
    correct_names: tuple[str, ...] | None

    def correct(self, cell: Any) -> Any:
        """Give a cell of correct labels with class names for ids: its column may number classes in another order."""
        if isinstance(cell, list):
            return [self.correct(one) for one in cell]
        names = self.correct_names
        return names[cell] if names is not None and isinstance(cell, int) and 0 <= cell < len(names) else cell


def _find_columns(root: Path, splits: Mapping[str, Any], label_field: str | None) -> _Columns:
    features = next(iter(splits.values())).features
    images = image_columns(features)
    if not images:
        raise DataFileError(root, f"has no column of images, only {', '.join(features)}; cast one to datasets.Image()")
    classes = {name: names for name in features if (names := _names(features[name])) is not None}
    usual = [name for name in ("given_label", "label", *classes) if name in features and name not in _OPTIONAL]
    label = label_field if label_field is not None else usual[0] if usual else None
    if label is None:
        raise DataFileError(root, f"has no column given_label or label, only {', '.join(features)}; name one of them")
    if label not in features:
        raise InvalidInputError(f"`label_field` {label!r} is no column of {root}; it has {', '.join(features)}")
    for name, table in splits.items():
        lacking = [column for column in (images[0], label) if column not in table.column_names]
        if lacking:
            raise DataFileError(root, f"split {name!r} has no column {', '.join(lacking)}, as another split has")
    return _Columns(images[0], label, classes.get(label), classes.get("correct_label"))


def _names(feature: Any) -> tuple[str, ...] | None:
    """Give the class names of a column of classes, or of lists of classes."""
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return None if names is None else tuple(names)


def _find_classes(root: Path, splits: Mapping[str, Any], columns: _Columns) -> tuple[tuple[str, ...], bool]:
    finder = ClassFinder(root)
    for table in splits.values():
        used = [name for name in (columns.label, "correct_label") if name in table.column_names]
        for batch in _batches(table, list(dict.fromkeys(used))):
            finder.add(one for cell in batch[columns.label] for one in several(cell))
            finder.add(one for cell in batch.get("correct_label", ()) for one in several(columns.correct(cell)))
    names, ids_too = finder.found()
    if not names:
        raise DataFileError(root, f"has no labels in column {columns.label!r}")
    return names, ids_too


def _samples(
    root: Path, splits: Mapping[str, Any], columns: _Columns, reader: LabelReader, bad_rows: BadRows
) -> Iterator[Sample]:
    register = KeyRegister()
    for name, table in splits.items():
        path = root / name if len(splits) > 1 else root
        register.start_file(name)
        yield from check_entries(_entries(path, name, table, columns, reader, bad_rows), register, bad_rows)
        bad_rows.check(path)


def _entries(
    path: Path, name: str, table: Any, columns: _Columns, reader: LabelReader, bad_rows: BadRows
) -> Iterator[ReadEntry]:
    used = [column for column in (columns.label, *_OPTIONAL) if column in table.column_names]
    row = 0
    for batch in _batches(table, list(dict.fromkeys(used))):
        for values in zip(*batch.values(), strict=True):
            cells = dict(zip(batch, values, strict=True))
            uri = hub_uri(name, row, columns.image)
            row += 1
            if columns.names is not None and cells[columns.label] == -1:
                bad_rows.read()
                bad_rows.leave_out("row without a label (class -1)")
                continue
            found: list[Sample] | BadRowError
            try:
                found = _row(cells, uri, name, row, columns, reader)
            except BadRowError as error:
                found = error
            yield ReadEntry(path, row, found)


def _row(cells: dict[str, Any], uri: str, split: str, row: int, columns: _Columns, reader: LabelReader) -> list[Sample]:
    key = cell_text(cells["key"]) if "key" in cells else f"{row - 1:07d}"
    if not key.strip() or not is_usable(key):
        raise BadRowError("empty key" if not key.strip() else "unusable key", repr(key))
    labels = {
        "given_label": cells[columns.label],
        "verification_label": cells.get("verification_label"),
        "correct_label": columns.correct(cells.get("correct_label")),
        "split": split_name(split),
    }
    return reader.samples(key, uri, labels)


def _batches(table: Any, columns: list[str]) -> Iterator[dict[str, list[Any]]]:
    """Yield cells by column, without touching any other column."""
    for batch in table.select_columns(columns).with_format("arrow").iter(batch_size=_BATCH):
        yield batch.to_pydict()
