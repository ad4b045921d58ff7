"""The reference implementation's arrays: train.npy and val.npy (n, D + 2), all.npy one array a class, ref.npy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisette.data.object_arrays import load_array
from noisette.data.rows import BadRowError, check_features, class_id, not_finite
from noisette.errors import DataFileError, ShapeError
from noisette.files import atomic_path
from noisette.types import BadRows, Float64Array, IntArray

_FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class VerifiedArray:
    """train.npy or val.npy: n verified samples.

    Attributes:
        features: (n, D) float64.
        given_labels: (n,) class ids.
        verification_labels: (n,) 1 correct, 0 mislabelled.
    """

    features: Float64Array
    given_labels: IntArray
    verification_labels: IntArray


@dataclass(frozen=True, eq=False)
class ReferenceArrays:
    """The files of one data folder of the reference implementation; None where there is none.

    Attributes:
        train: train.npy.
        val: val.npy.
        all: all.npy: for each class the (n_c, D) features of the samples with that given label.
        ref: ref.npy: (K, R, D) references.
    """

    train: VerifiedArray | None = None
    val: VerifiedArray | None = None
    all: list[Float64Array] | None = None
    ref: Float64Array | None = None


def read_reference_arrays(
    folder: str | Path, *, num_classes: int | None = None, allow_pickle: bool = False, bad_rows: BadRows | None = None
) -> ReferenceArrays:
    """Read those of train.npy, val.npy, all.npy and ref.npy that a folder holds.

    Args:
        folder: the data folder.
        num_classes: K, to bound class ids; None accepts any id >= 0.
        allow_pickle: read an all.npy of Python objects, as the reference implementation writes it; only arrays, lists
            and numbers are accepted from it, anything else in it is refused.
        bad_rows: takes bad rows; None stops at the first.

    Raises:
        DataFileError: the folder holds none of the files, or one is not what it should be.
    """
    folder = Path(folder)
    paths = {name: folder / f"{name}.npy" for name in ("train", "val", "all", "ref")}
    if not any(path.exists() for path in paths.values()):
        raise DataFileError(folder, "holds none of train.npy, val.npy, all.npy, ref.npy")
    verified = {
        name: read_verified_array(paths[name], num_classes=num_classes, bad_rows=bad_rows)
        if paths[name].exists()
        else None
        for name in ("train", "val")
    }
    return ReferenceArrays(
        verified["train"],
        verified["val"],
        read_all_array(paths["all"], allow_pickle=allow_pickle, bad_rows=bad_rows) if paths["all"].exists() else None,
        read_reference_set(paths["ref"]) if paths["ref"].exists() else None,
    )


def write_reference_arrays(folder: str | Path, arrays: ReferenceArrays) -> None:
    """Write the arrays that are not None under the names the reference implementation looks for."""
    folder = Path(folder)
    for name, verified in (("train", arrays.train), ("val", arrays.val)):
        if verified is not None:
            write_verified_array(folder / f"{name}.npy", verified)
    if arrays.all is not None:
        write_all_array(folder / "all.npy", arrays.all)
    if arrays.ref is not None:
        write_reference_set(folder / "ref.npy", arrays.ref)


def read_verified_array(
    path: str | Path, *, num_classes: int | None = None, bad_rows: BadRows | None = None
) -> VerifiedArray:
    """Read train.npy or val.npy: (n, D + 2) = features, class id, verification label. Rows of label -1 are left out.

    Raises:
        DataFileError: the file is missing, damaged, or has another shape.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    bad_rows = bad_rows or BadRows()
    values = _numbers(path, load_array(path, allow_pickle=False))
    if values.ndim != 2 or values.shape[1] < 3:
        raise DataFileError(path, f"must have shape (n, D + 2), got {values.shape}")
    bad_rows.read(len(values))
    good = np.isfinite(values).all(axis=1) & np.isin(values[:, -1], (1, 0, -1)) & (values[:, -2] % 1 == 0)
    good &= (values[:, -2] >= 0) & (values[:, -2] < (np.inf if num_classes is None else num_classes))
    for row in np.flatnonzero(~good):
        error = _verified_row_error(values[row], num_classes)
        bad_rows.add(path, int(row) + 1, error.kind, error.detail)
    bad_rows.check(path)
    unverified = good & (values[:, -1] == -1)
    bad_rows.leave_out("verification label -1", int(unverified.sum()))
    kept = values[good & ~unverified]
    return VerifiedArray(kept[:, :-2].copy(), kept[:, -2].astype(np.int64), kept[:, -1].astype(np.int64))


def write_verified_array(path: str | Path, array: VerifiedArray) -> None:
    """Write train.npy or val.npy, float64 (n, D + 2)."""
    columns = (array.features, array.given_labels, array.verification_labels)
    _save(path, np.column_stack(columns).astype(np.float64, copy=False))


def read_all_array(
    path: str | Path, *, allow_pickle: bool = False, bad_rows: BadRows | None = None
) -> list[Float64Array]:
    """Read all.npy: for each class the (n_c, D) float64 features of the samples with that given label.

    Lines in messages count rows over all classes from 1.

    Args:
        path: the file.
        allow_pickle: accept an array of Python objects; see `read_reference_arrays`.
        bad_rows: takes rows of wrong length or with NaN; None stops at the first.

    Raises:
        DataFileError: the file is missing, damaged, or a pickle that was not allowed.
    """
    bad_rows = bad_rows or BadRows()
    values = load_array(path, allow_pickle=allow_pickle)
    if values.dtype.kind in "fiu" and values.ndim != 3:
        raise DataFileError(path, f"must hold one (n_c, D) array a class, got shape {values.shape}")
    widths = [len(rows[0]) for rows in values if _is_list(rows) and len(rows) and _is_list(rows[0])]
    reader = _ClassRows(Path(path), max(set(widths), key=widths.count) if widths else 0, bad_rows)
    classes = [reader.read(number, rows) for number, rows in enumerate(values)]
    bad_rows.check(path)
    return classes


def write_all_array(path: str | Path, per_class: Sequence[np.ndarray]) -> None:
    """Write all.npy: an object array of one (n_c, D) float64 array a class, also where all n_c are equal."""
    if any(values.ndim != 2 for values in per_class):
        raise ShapeError("`per_class` must hold one (n_c, D) array a class")
    ragged = np.empty(len(per_class), dtype=object)
    for number, values in enumerate(per_class):
        ragged[number] = np.ascontiguousarray(values, dtype=np.float64)
    _save(path, ragged)


def read_reference_set(path: str | Path) -> Float64Array:
    """Read ref.npy: (K, R, D) references; rows that do not exist are all NaN.

    Raises:
        DataFileError: the file is missing, damaged, or has another shape.
    """
    values = _numbers(path, load_array(path, allow_pickle=False))
    if values.ndim != 3:
        raise DataFileError(path, f"must have shape (K, R, D), got {values.shape}")
    partly = ~np.isfinite(values).all(axis=2) & ~np.isnan(values).all(axis=2)
    if partly.any():
        number, row = (int(at[0]) for at in np.nonzero(partly))
        raise DataFileError(path, f"reference {row} of class {number} holds NaN or an infinite number")
    return values


def write_reference_set(path: str | Path, values: np.ndarray) -> None:
    """Write ref.npy, float64 (K, R, D)."""
    if values.ndim != 3:
        raise ShapeError(f"`values` must have shape (K, R, D), got {values.shape}")
    _save(path, values.astype(np.float64))


class _ClassRows:
    """Reads the rows of class after class, whether they are one array or lists of numbers."""

    def __init__(self, path: Path, num_features: int, bad_rows: BadRows) -> None:
        self.path, self.num_features, self.bad_rows = path, num_features, bad_rows

    def read(self, number: int, rows: Any) -> Float64Array:
        if not _is_list(rows):
            raise DataFileError(self.path, f"class {number} must be a list of rows, got {type(rows).__name__}")
        first = self.bad_rows.num_read + 1
        self.bad_rows.read(len(rows))
        good = []
        for row, vector in enumerate(rows):
            try:
                good.append(self._row(vector))
            except BadRowError as error:
                detail = f"{error.detail} (class {number}, row {row})"
                self.bad_rows.add(self.path, first + row, error.kind, detail)
        return np.array(good, dtype=np.float64).reshape(len(good), self.num_features)

    def _row(self, vector: Any) -> Float64Array:
        try:
            values = np.asarray(vector, dtype=np.float64)
        except (TypeError, ValueError):
            raise BadRowError("junk number", "a feature is no number") from None
        if values.ndim != 1:
            raise BadRowError("wrong number of features", f"expected {self.num_features}, got shape {values.shape}")
        return check_features(values, self.num_features, _FLOAT64).astype(np.float64, copy=False)


def _is_list(values: Any) -> bool:
    return isinstance(values, list | tuple) or (isinstance(values, np.ndarray) and values.ndim >= 1)


def _verified_row_error(row: Float64Array, num_classes: int | None) -> BadRowError:
    if not np.isfinite(row[:-2]).all():
        return not_finite(row[:-2], _FLOAT64)
    if row[-1] not in (1, 0, -1):
        return BadRowError("bad verification label", f"expected 1, 0 or -1, got {row[-1]:g}")
    try:
        class_id(float(row[-2]), num_classes)
    except BadRowError as error:
        return error
    raise AssertionError("a row without a fault was reported")


def _numbers(path: str | Path, values: np.ndarray) -> Float64Array:
    if values.dtype.kind not in "fiu":
        raise DataFileError(path, f"must hold numbers, got {values.dtype}")
    return values.astype(np.float64, copy=False)


def _save(path: str | Path, values: np.ndarray) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, values, allow_pickle=values.dtype.hasobject)
