"""`noisette init`: from somebody's files to a workspace, in one pass over the features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from noisette.data import (
    FeatureBatch,
    LabelTable,
    read_class_list,
    read_feature_file,
    read_label_file,
    read_reference_tsv,
)
from noisette.errors import DataFileError
from noisette.files import atomic_open
from noisette.pipeline.labels import ImportResult, import_labels
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import Workspace, create_workspace, finish_workspace
from noisette.store import write_feature_table, write_samples
from noisette.types import BadRows, Float32Array, Progress, Review, SampleTable, silent


@dataclass(frozen=True)
class Created:
    """What `init` made."""

    workspace: Workspace
    num_samples: int
    num_features: int
    num_classes: int
    bad_rows: BadRows
    warnings: tuple[str, ...]
    imported: ImportResult | None


@dataclass
class _Rows:
    """Collects what becomes samples.parquet while the features stream by."""

    splits: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    uris: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)

    def add(self, split: str, keys: list[str], labels: Iterable[int], uris: list[str] | None = None) -> None:
        self.splits.extend([split] * len(keys))
        self.keys.extend(keys)
        self.labels.extend(int(label) for label in labels)
        self.uris.extend(uris if uris is not None else [""] * len(keys))

    def table(self) -> SampleTable:
        return SampleTable(self.splits, self.keys, self.uris, np.array(self.labels, dtype=np.int64))


def create_from_reference_tsvs(
    root: Path,
    class_list: Path,
    all_tsv: Path,
    verified_tsv: Path,
    validation_tsv: Path | None,
    settings: Settings,
    progress: Progress = silent,
) -> Created:
    """Make a workspace from the TSV files of the reference implementation.

    The rows of `all_tsv` become split "train", those of `verified_tsv` split "verified" (with their verification
    labels as decisions), those of `validation_tsv` split "validation" (never learned from, only evaluated on).
    """
    class_names = read_class_list(class_list)
    workspace = create_workspace(root, settings, class_names)
    bad = _bad_rows(settings)
    rows = _Rows()
    sources = [("train", all_tsv, False), ("verified", verified_tsv, True)]
    if validation_tsv is not None:
        sources.append(("validation", validation_tsv, True))

    def stream() -> Iterator[tuple[list[str], list[str], Float32Array]]:
        width: int | None = None
        for split, path, verified in sources:
            for batch in read_reference_tsv(path, class_names, bad, verified=verified, num_features=width):
                width = batch.features.shape[1]
                _collect(rows, split, batch)
                progress("read", len(rows.keys), 0)
                yield [split] * len(batch.keys), batch.keys, batch.features.astype(np.float32, copy=False)

    return _write(workspace, stream(), rows, bad, class_list, None)


def create_from_files(
    root: Path,
    features: Path,
    labels: Path | None,
    classes: Path | None,
    verified: Path | None,
    settings: Settings,
    progress: Progress = silent,
) -> Created:
    """Make a workspace from a file of features and a file of labels (or one file that holds both).

    Args:
        root: folder of the workspace.
        features: .npy, .npz, .csv or Parquet; with a key a row, else row numbers from 0 are the keys.
        labels: CSV, TSV, Parquet or .npy with given labels (ids or names), and keys where `features` has them.
        classes: class names, one a line; without it those that occur in `labels`.
        verified: file of verification labels, see `noisette labels import`.
        settings: settings of the workspace.
        progress: called with the number of rows read.
    """
    bad = _bad_rows(settings)
    names = read_class_list(classes) if classes is not None else None
    table = read_label_file(labels, bad, names) if labels is not None else None
    batches = read_feature_file(features, bad, class_names=names)
    known = _label_of_key(table)
    if names is None:
        names = _names_of(table, labels or features)
    workspace = create_workspace(root, settings, names)
    rows = _Rows()

    def stream() -> Iterator[tuple[list[str], list[str], Float32Array]]:
        for batch in batches:
            keep, given = _given_labels(batch, known, features, bad)
            keys = [batch.keys[i] for i in keep]
            rows.add("train", keys, given)
            progress("read", len(rows.keys), 0)
            yield ["train"] * len(keys), keys, batch.features[keep].astype(np.float32, copy=False)

    created = _write(workspace, stream(), rows, bad, classes, verified)
    if known is not None and labels is not None:
        _name_labels_without_features(known, rows, labels, bad)
    return created


def _write(
    workspace: Workspace,
    batches: Iterator[tuple[list[str], list[str], Float32Array]],
    rows: _Rows,
    bad: BadRows,
    classes: Path | None,
    verified: Path | None,
) -> Created:
    manifest = write_feature_table(workspace.features, batches, metadata={"source": "imported"})
    if manifest.num_rows == 0:
        raise DataFileError(workspace.features, f"no row of the features could be used: {bad.summary()}")
    write_samples(workspace.samples, rows.table())
    with workspace.reviews() as reviews:
        reviews.append(rows.reviews)
    imported = import_labels(workspace, verified) if verified is not None else None
    with atomic_open(workspace.skipped) as file:
        file.writelines(f"{row}\n" for row in bad.rows)
    warnings = _class_warnings(workspace, rows, classes)
    finish_workspace(workspace)
    return Created(
        workspace, manifest.num_rows, manifest.num_features, len(workspace.class_names()), bad, warnings, imported
    )


def _bad_rows(settings: Settings) -> BadRows:
    return BadRows(on_error="stop" if settings.input.on_error == "stop" else "skip", max_bad=settings.input.max_bad)


def _collect(rows: _Rows, split: str, batch: FeatureBatch) -> None:
    assert batch.given_labels is not None
    rows.add(split, batch.keys, batch.given_labels)
    if batch.verification_labels is None:
        return
    now = datetime.now(UTC)
    for key, given, verdict in zip(batch.keys, batch.given_labels, batch.verification_labels, strict=True):
        rows.reviews.append(
            Review(
                key=key, split=split, given_label=int(given), verification_label=int(verdict), time=now, reviewer="import"
            )
        )


def _label_of_key(table: LabelTable | None) -> dict[str, int] | None:
    if table is None:
        return None
    if table.given_labels is None:
        raise DataFileError(table.path, "has no column of given labels; name it `given_label`")
    keys = table.keys if table.keys is not None else [str(row) for row in table.rows]
    return dict(zip(keys, table.given_labels.tolist(), strict=True))


def _names_of(table: LabelTable | None, path: Path) -> tuple[str, ...]:
    if table is None:
        raise DataFileError(path, "class names are needed when the labels are in the feature file; give --classes FILE")
    if table.class_names is not None:
        return table.class_names
    assert table.given_labels is not None
    return tuple(str(i) for i in range(int(table.given_labels.max(initial=-1)) + 1))


def _given_labels(
    batch: FeatureBatch, known: dict[str, int] | None, path: Path, bad: BadRows
) -> tuple[list[int], list[int]]:
    """Give the rows of a batch that have a given label, and those labels; the others are bad rows."""
    if known is None:
        if batch.given_labels is None:
            raise DataFileError(path, "holds no given labels; give them with --labels FILE")
        return list(range(len(batch.keys))), batch.given_labels.tolist()
    keep, given = [], []
    for i, key in enumerate(batch.keys):
        label = known.get(key)
        if label is None:
            bad.add(path, int(batch.lines[i]), "no given label", f"key {key!r} is not in the label file")
        else:
            keep.append(i)
            given.append(label)
    return keep, given


def _name_labels_without_features(known: dict[str, int], rows: _Rows, path: Path, bad: BadRows) -> None:
    for key in known.keys() - set(rows.keys):
        bad.add(path, None, "no features", f"key {key!r} is not in the feature file")


def _class_warnings(workspace: Workspace, rows: _Rows, classes: Path | None) -> tuple[str, ...]:
    """Name classes with no samples, or with fewer than there are references, by their line in the class list."""
    counts = Counter(rows.labels)
    wanted = workspace.settings.references.num_references
    path = classes if classes is not None else workspace.classes
    warnings = []
    for class_id, name in enumerate(workspace.class_names()):
        if counts[class_id] == 0:
            warnings.append(f"{path}:{class_id + 1}: class {name!r} has no samples; it is never suggested")
        elif counts[class_id] < wanted:
            warnings.append(
                f"{path}:{class_id + 1}: class {name!r} has {counts[class_id]} samples, fewer than the "
                f"{wanted} references of a class; all of them become references"
            )
    return tuple(warnings)
