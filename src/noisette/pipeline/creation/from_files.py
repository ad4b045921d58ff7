"""`noisette init --features --labels`: from a file of features and a file of labels to a workspace, in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from noisette.data import FeatureBatch, LabelTable, read_class_list, read_feature_file, read_label_file
from noisette.errors import DataFileError
from noisette.pipeline.creation.rows import Created, RowCollector, bad_rows_policy, write_workspace
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import create_workspace
from noisette.types import BadRows, Float32Array, Progress, silent


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
    bad = bad_rows_policy(settings)
    names = read_class_list(classes) if classes is not None else None
    table = read_label_file(labels, bad, names) if labels is not None else None
    batches = read_feature_file(features, bad, class_names=names)
    known = _label_of_key(table)
    if names is None:
        names = _names_of(table, labels or features)
    workspace = create_workspace(root, settings, names)
    rows = RowCollector()

    def stream() -> Iterator[tuple[list[str], list[str], Float32Array]]:
        for batch in batches:
            keep, given = _given_labels(batch, known, features, bad)
            keys = [batch.keys[i] for i in keep]
            rows.add("train", keys, given)
            progress("read", len(rows.keys), 0)
            yield ["train"] * len(keys), keys, batch.features[keep].astype(np.float32, copy=False)
        if table is not None:
            _name_labels_without_features(table, rows, bad)

    return write_workspace(workspace, stream(), rows, bad, classes, verified)


def _label_of_key(table: LabelTable | None) -> dict[str, int] | None:
    if table is None:
        return None
    if table.given_labels is None:
        raise DataFileError(table.path, "has no column of given labels; name it `given_label`")
    return dict(zip(_keys(table), table.given_labels.tolist(), strict=True))


def _keys(table: LabelTable) -> Sequence[str]:
    """Give the keys of the rows; without keys their row numbers from 0."""
    return table.keys if table.keys is not None else [str(row) for row in table.rows]


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
            like = f" (keys like {next(iter(known))!r})" if known else ""
            detail = f"key {key!r} has no usable row in the label file{like}"
            bad.add(path, int(batch.lines[i]), "no given label", detail)
        else:
            keep.append(i)
            given.append(label)
    return keep, given


def _name_labels_without_features(table: LabelTable, rows: RowCollector, bad: BadRows) -> None:
    with_features = set(rows.keys)
    for key, line in zip(_keys(table), table.lines.tolist(), strict=True):
        if key not in with_features:
            bad.add(table.path, line, "no features", f"key {key!r} has no usable row in the feature file")
