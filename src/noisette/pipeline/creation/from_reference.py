"""`noisette init` for data prepared for the reference implementation of CleanNet: its TSV files, or its arrays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from noisette.data import FeatureBatch, ReferenceArrays, read_class_list, read_reference_arrays, read_reference_tsv
from noisette.errors import DataFileError
from noisette.pipeline.creation.rows import Created, RowCollector, bad_rows_policy, write_workspace
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import create_workspace
from noisette.types import BadRows, Float32Array, IntArray, Progress, Review, silent


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
    bad = bad_rows_policy(settings)
    rows = RowCollector()
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

    return write_workspace(workspace, stream(), rows, bad, class_list, None)


def create_from_reference_arrays(
    root: Path,
    class_list: Path,
    folder: Path,
    settings: Settings,
    *,
    allow_pickle: bool = False,
    progress: Progress = silent,
) -> Created:
    """Make a workspace from train.npy, val.npy and all.npy; keys are row numbers, in all.npy "class id/row number".

    Args:
        root: folder of the workspace.
        class_list: class names, one a line.
        folder: where the arrays lie; val.npy may be absent.
        settings: settings of the workspace.
        allow_pickle: read all.npy, a pickled array; say yes for files you trust only.
        progress: called with the number of rows read.
    """
    class_names = read_class_list(class_list)
    arrays = read_reference_arrays(folder, allow_pickle=allow_pickle)
    if arrays.all is None:
        raise DataFileError(folder / "all.npy", "is not there; it holds the features of all images, a class each")
    workspace = create_workspace(root, settings, class_names)
    rows = RowCollector()
    bad = bad_rows_policy(settings)

    def stream() -> Iterator[tuple[list[str], list[str], Float32Array]]:
        for split, batch in _array_batches(arrays):
            keep = _finite_rows(folder, split, batch, len(class_names), bad)
            _collect(rows, split, keep)
            progress("read", len(rows.keys), 0)
            yield [split] * len(keep.keys), keep.keys, keep.features.astype(np.float32)

    return write_workspace(workspace, stream(), rows, bad, class_list, None)


def _array_batches(arrays: ReferenceArrays) -> Iterator[tuple[str, FeatureBatch]]:
    for class_id, block in enumerate(arrays.all or ()):
        keys = [f"{class_id}/{row}" for row in range(len(block))]
        if keys:
            yield "train", _batch(keys, np.asarray(block), np.full(len(keys), class_id), None)
    for split, array in (("verified", arrays.train), ("validation", arrays.val)):
        if array is not None:
            keys = [str(row) for row in range(len(array.features))]
            yield split, _batch(keys, array.features, array.given_labels, array.verification_labels)


def _batch(keys: list[str], features: np.ndarray, given: IntArray, verified: IntArray | None) -> FeatureBatch:
    return FeatureBatch(keys, features, given, verified, np.arange(1, len(keys) + 1), None)


def _finite_rows(folder: Path, split: str, batch: FeatureBatch, num_classes: int, bad: BadRows) -> FeatureBatch:
    """Leave out rows with a number that is not finite, or a class that does not exist; each is named."""
    assert batch.given_labels is not None
    path = folder / {"train": "all.npy", "verified": "train.npy", "validation": "val.npy"}[split]
    bad.read(len(batch.keys))
    finite = np.isfinite(batch.features).all(axis=1)
    known = (batch.given_labels >= 0) & (batch.given_labels < num_classes)
    for i in np.flatnonzero(~finite):
        bad.add(path, int(batch.lines[i]), "not finite", f"row {batch.keys[i]} holds NaN or infinity")
    for i in np.flatnonzero(finite & ~known):
        bad.add(
            path, int(batch.lines[i]), "unknown class", f"class id {batch.given_labels[i]} of {num_classes} classes"
        )
    keep = np.flatnonzero(finite & known)
    verified = None if batch.verification_labels is None else batch.verification_labels[keep]
    keys = [batch.keys[i] for i in keep]
    return FeatureBatch(keys, batch.features[keep], batch.given_labels[keep], verified, batch.lines[keep], None)


def _collect(rows: RowCollector, split: str, batch: FeatureBatch) -> None:
    assert batch.given_labels is not None
    rows.add(split, batch.keys, batch.given_labels)
    if batch.verification_labels is None:
        return
    now = datetime.now(UTC)
    for key, given, verdict in zip(batch.keys, batch.given_labels, batch.verification_labels, strict=True):
        rows.reviews.append(
            Review(
                key=key,
                split=split,
                given_label=int(given),
                verification_label=int(verdict),
                time=now,
                reviewer="import",
            )
        )
