"""`noisette convert`: the reference implementation's .tsv and .npy files to and from Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from noisette.data import (
    FeatureBatch,
    VerifiedArray,
    read_all_array,
    read_class_list,
    read_feature_file,
    read_reference_set,
    read_reference_tsv,
    read_verified_array,
    write_all_array,
    write_reference_set,
    write_verified_array,
)
from noisette.data.feature_writer import write_feature_file
from noisette.data.reference_tsv_writer import write_reference_tsv
from noisette.errors import DataFileError, InvalidInputError
from noisette.types import BadRows, IntArray, Progress, silent

KINDS = ("verified", "all", "ref")
_KIND_OF_NAME = {"train": "verified", "val": "verified", "verified": "verified", "all": "all", "ref": "ref"}


def convert_file(
    source: Path,
    target: Path,
    class_list: Path,
    bad_rows: BadRows,
    *,
    kind: str | None = None,
    allow_pickle: bool = False,
    progress: Progress = silent,
) -> int:
    """Convert one file of features with labels; give the number of rows written.

    Args:
        source: .tsv, .npy or .parquet.
        target: .tsv, .npy or .parquet; .npy is written in the layout of the reference implementation.
        class_list: class names, one a line.
        bad_rows: policy for bad rows.
        kind: "verified" (rows with verification labels: train, val), "all", or "ref" (references, which may also come
            from a workspace's .safetensors); None = by the name of either file.
        allow_pickle: read all.npy, a pickled array.
        progress: called with the number of rows read.
    """
    kind = _kind(source, target) if kind is None else kind
    if kind not in KINDS:
        raise InvalidInputError(f"`kind` must be one of {', '.join(KINDS)}, got {kind!r}")
    if target.exists() and any(target.samefile(path) for path in (source, class_list) if path.exists()):
        raise InvalidInputError(f"the target {target} is also an input, and would be overwritten; choose another name")
    class_names = read_class_list(class_list)
    batches = _counted(
        _read(source, kind, class_names, bad_rows, allow_pickle, target.suffix), source, bad_rows, progress
    )
    if target.suffix == ".parquet":
        return write_feature_file(target, batches)
    if target.suffix == ".tsv":
        return write_reference_tsv(target, batches, class_names)
    if target.suffix == ".npy":
        return _write_array(target, kind, list(batches), len(class_names))
    raise InvalidInputError(f"the target must end in .tsv, .npy or .parquet, got {target.name!r}")


def _kind(source: Path, target: Path) -> str:
    for path in (source, target):
        kind = _KIND_OF_NAME.get(path.stem)
        if kind is not None:
            return kind
    raise InvalidInputError(
        f"cannot tell from the names {source.name!r} and {target.name!r} what they hold; say --kind"
    )


def _read(
    source: Path, kind: str, class_names: tuple[str, ...], bad: BadRows, allow_pickle: bool, target: str
) -> Iterator[FeatureBatch]:
    if source.suffix == ".tsv":
        # The published arrays are float64: text that goes to .npy keeps every digit.
        dtype: Literal["float32", "float64"] = "float64" if target == ".npy" else "float32"
        return read_reference_tsv(source, class_names, bad, verified=kind == "verified", dtype=dtype)
    if kind == "ref" and source.suffix in (".npy", ".safetensors"):
        return _iter_classes(_references(source, len(class_names)))
    if source.suffix == ".npy" and kind == "verified":
        array = read_verified_array(source)
        return iter([_batch(array.features, array.given_labels, array.verification_labels)])
    if source.suffix == ".npy":
        return _iter_classes(read_all_array(source, allow_pickle=allow_pickle))
    return read_feature_file(source, bad, class_names=class_names)


def _references(source: Path, num_classes: int) -> list[np.ndarray]:
    """Read the references of each class; rows of NaN stand for references that a small class does not have."""
    values = _own_references(source) if source.suffix == ".safetensors" else read_reference_set(source)
    if len(values) != num_classes:
        raise DataFileError(source, f"holds references of {len(values)} classes, the class list names {num_classes}")
    return [block[np.isfinite(block).all(axis=1)] for block in values]


def _own_references(source: Path) -> np.ndarray:
    try:
        arrays = load_file(source)
    except (OSError, SafetensorError) as error:
        raise DataFileError(source, f"is not a whole .safetensors file ({error})") from error
    if "references" not in arrays:
        raise DataFileError(source, "holds no references; `noisette references` writes them")
    references: np.ndarray = arrays["references"]
    return references


def _iter_classes(per_class: list[np.ndarray]) -> Iterator[FeatureBatch]:
    for class_id, block in enumerate(per_class):
        if len(block):
            yield _batch(block, np.full(len(block), class_id), None, f"{class_id}/")


def _batch(features: np.ndarray, given: IntArray, verified: IntArray | None, prefix: str = "") -> FeatureBatch:
    keys = [f"{prefix}{row}" for row in range(len(features))]
    return FeatureBatch(keys, features, given, verified, np.arange(1, len(keys) + 1), None)


def _counted(batches: Iterator[FeatureBatch], source: Path, bad: BadRows, progress: Progress) -> Iterator[FeatureBatch]:
    """Report progress; a source without a usable row is an error, before an empty target is written."""
    rows = 0
    for batch in batches:
        rows += len(batch.keys)
        yield batch
        progress("convert", rows, 0)
    if not rows:
        raise DataFileError(source, f"no row could be used; nothing is written: {bad.summary()}")


def _write_array(target: Path, kind: str, batches: list[FeatureBatch], num_classes: int) -> int:
    features = np.concatenate([batch.features for batch in batches])
    given = np.concatenate([_need(batch.given_labels, "given labels") for batch in batches])
    if kind == "ref":
        per_class = [features[given == class_id] for class_id in range(num_classes)]
        values = np.full((num_classes, max(map(len, per_class)), features.shape[1]), np.nan)
        for class_id, block in enumerate(per_class):
            values[class_id, : len(block)] = block
        write_reference_set(target, values)
    elif kind == "verified":
        verified = np.concatenate([_need(batch.verification_labels, "verification labels") for batch in batches])
        write_verified_array(target, VerifiedArray(features, given, verified))
    else:
        write_all_array(target, [features[given == class_id] for class_id in range(num_classes)])
    return len(features)


def _need(labels: IntArray | None, what: str) -> IntArray:
    if labels is None:
        raise InvalidInputError(f"the source holds no {what}, which this target needs")
    return labels
