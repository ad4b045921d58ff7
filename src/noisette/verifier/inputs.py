"""The checked inputs of a verifier, as records: what `fit` was given, and what a batch of `score_samples` asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.types import (
    CORRECT,
    MISLABELLED,
    NONE_OF_THE_CLASSES,
    NOT_KNOWN,
    UNVERIFIED,
    ArrayLike,
    FeatureTable,
    Float32Array,
    Float64Array,
    FloatArray,
    HashArray,
    IntArray,
    Progress,
    as_numpy,
    as_table,
)
from noisette.verifier.folds import row_hashes

BATCH_NUMBERS = 1 << 23  # numbers in a block of features: 32 MB of float32


def batch_rows(num_features: int) -> int:
    """Rows to read at a time, so that a block stays near 32 MB whatever D is."""
    return max(64, min(8192, BATCH_NUMBERS // max(1, num_features)))


@dataclass(frozen=True, eq=False)
class VerifiedPairs:
    """(row, label, was it correct) triples to learn from; a corrected row gives two: (given, 0) and (correct, 1)."""

    rows: IntArray
    labels: IntArray
    targets: IntArray

    def __len__(self) -> int:
        return int(self.rows.size)

    @property
    def has_both_kinds(self) -> bool:
        """True if there is a correct pair and a mislabelled one."""
        return np.unique(self.targets).size == 2

    def keys(self, num_classes: int) -> IntArray:
        """Give a number that is a pair's own, (len(self),), to find it by among K classes."""
        return self.rows * num_classes + self.labels

    def where(self, keep: np.ndarray) -> VerifiedPairs:
        """Give the pairs for which `keep` (a mask) is True."""
        return VerifiedPairs(self.rows[keep], self.labels[keep], self.targets[keep])


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Everything `fit` was given, checked. N rows; `pred_probs` (N, K) and `correct_labels` (N,) where given."""

    table: FeatureTable
    given_labels: IntArray
    verification_labels: IntArray
    correct_labels: IntArray
    pred_probs: Float64Array | None
    class_names: tuple[str, ...]
    duplicate_groups: IntArray | None = None

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)

    @cached_property
    def verified_rows(self) -> IntArray:
        """Numbers of the rows with a verification label, ascending."""
        return np.flatnonzero(self.verification_labels != UNVERIFIED)

    @cached_property
    def class_counts(self) -> IntArray:
        """(K,) number of samples a given label."""
        return np.bincount(self.given_labels, minlength=self.num_classes).astype(np.int64)

    def probs_of(self, rows: IntArray) -> Float64Array | None:
        """Give the class probabilities of some rows, where there are any."""
        return None if self.pred_probs is None else self.pred_probs[rows]

    def pairs(self) -> VerifiedPairs:
        """Give the pairs to learn from: one a verified row, and one more for each corrected label.

        A right class that no sample carries has nothing that a row could be compared with, so it gives no pair.
        """
        rows = self.verified_rows
        right = self.correct_labels[rows]
        comparable = (right >= 0) & (self.class_counts[right] > 0)
        corrected = rows[(self.verification_labels[rows] == MISLABELLED) & comparable]
        return VerifiedPairs(
            np.concatenate([rows, corrected]),
            np.concatenate([self.given_labels[rows], self.correct_labels[corrected]]),
            np.concatenate([self.verification_labels[rows], np.full(corrected.size, CORRECT)]),
        )


@dataclass(frozen=True, eq=False)
class Query:
    """A batch of (sample, given label) pairs to score: (B, D), (B,), and (B, K) probabilities where given."""

    features: Float32Array
    given_labels: IntArray
    pred_probs: Float64Array | None = None

    @cached_property
    def hashes(self) -> HashArray:
        """(B,) stable hashes of the rows' float32 bytes."""
        return row_hashes(self.features)

    def where(self, keep: np.ndarray) -> Query:
        """Give the part of the batch selected by a mask or by row numbers."""
        probs = None if self.pred_probs is None else self.pred_probs[keep]
        return Query(self.features[keep], self.given_labels[keep], probs)


def check_training_data(
    features: ArrayLike | FeatureTable,
    given_labels: ArrayLike,
    verification_labels: ArrayLike | None,
    correct_labels: ArrayLike | None,
    pred_probs: ArrayLike | None,
    class_names: Sequence[str] | None,
    duplicate_groups: ArrayLike | None = None,
) -> TrainingData:
    """Check the arguments of `fit` at the door; inner code trusts them.

    Raises:
        ShapeError: lengths or dimensions do not fit together.
        InvalidInputError: a value is not one of those allowed.
        UnknownClassError: a label is outside 0..K-1.
    """
    table = as_table(features)
    size = table.num_rows
    if size == 0:
        raise InvalidInputError("`features` has no rows; a verifier needs at least one sample")
    if table.num_features == 0:
        raise ShapeError(f"`features` must have shape (N, D) with D >= 1, got ({size}, 0); give one column a feature")
    given = int_vector(given_labels, size, "given_labels")
    names = _class_names(given, class_names if class_names is not None else table.class_names)
    check_labels(given, len(names), "given_labels")
    verification = _optional(verification_labels, size, "verification_labels", UNVERIFIED)
    _check_values(verification, (CORRECT, MISLABELLED, UNVERIFIED), "verification_labels")
    correct = _optional(correct_labels, size, "correct_labels", NOT_KNOWN)
    known = correct[~np.isin(correct, (NOT_KNOWN, NONE_OF_THE_CLASSES))]
    check_labels(known, len(names), "correct_labels")
    probs = None if pred_probs is None else check_probs(pred_probs, size, len(names))
    groups = None if duplicate_groups is None else int_vector(duplicate_groups, size, "duplicate_groups")
    return TrainingData(table, given, verification, correct, probs, names, groups)


def check_finite(block: FloatArray, rows: Sequence[int] | IntArray) -> None:
    """Check a (B, D) block of features, whose row numbers are `rows`.

    Raises:
        InvalidInputError: a number is NaN or infinite.
    """
    if np.isfinite(block).all():
        return
    row = rows[int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])]
    raise InvalidInputError(
        f"`features` must hold finite numbers, but row {row} has NaN or infinity; leave such rows out or extract again"
    )


def check_query(
    table: FeatureTable,
    given_labels: ArrayLike,
    pred_probs: ArrayLike | None,
    num_features: int,
    class_names: tuple[str, ...],
    class_counts: IntArray,
) -> tuple[IntArray, Float64Array | None]:
    """Check the arguments of a scoring method against what `fit` saw; give labels and probabilities as arrays.

    Raises:
        ShapeError: lengths or dimensions do not fit together.
        UnknownClassError: a label is outside 0..K-1, or names a class that had no samples in `fit`.
    """
    if table.num_features != num_features:
        raise ShapeError(
            f"`features` must have shape (N, {num_features}), got {table.num_features} columns; "
            "was the backbone changed since `fit`?"
        )
    labels = int_vector(given_labels, table.num_rows, "given_labels")
    check_labels(labels, len(class_names), "given_labels")
    empty = np.flatnonzero(class_counts[labels] == 0)
    if empty.size:
        raise UnknownClassError(
            f"`given_labels` names class {class_names[labels[empty[0]]]!r} at position {empty[0]}, which had no "
            "samples in `fit`; fit again with samples of that class"
        )
    probs = None if pred_probs is None else check_probs(pred_probs, table.num_rows, len(class_names))
    return labels, probs


def iter_queries(
    table: FeatureTable, labels: IntArray, probs: Float64Array | None, progress: Progress
) -> Iterator[Query]:
    """Cut checked arguments into batches of near 32 MB."""
    start = 0
    for block in table.iter_batches(batch_rows(table.num_features)):
        part = slice(start, start + block.shape[0])
        yield Query(block, labels[part], None if probs is None else probs[part])
        start = part.stop
        progress("score", start, table.num_rows)


def int_vector(values: ArrayLike, size: int, name: str) -> IntArray:
    """Check a (size,) vector of whole numbers."""
    array = as_numpy(values)
    if array.shape != (size,):
        raise ShapeError(f"`{name}` must have shape ({size},), one entry a row of `features`, got {array.shape}")
    if array.dtype.kind == "b" or array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f" and np.array_equal(array, np.trunc(array)):
        return array.astype(np.int64)
    raise InvalidInputError(f"`{name}` must hold whole numbers, got dtype {array.dtype}; use class ids, not names")


def check_labels(labels: IntArray, num_classes: int, name: str) -> None:
    """Check that class ids lie in 0..K-1."""
    bad = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if bad.size:
        raise UnknownClassError(
            f"`{name}` must lie in 0..{num_classes - 1} ({num_classes} classes), got {labels[bad[0]]} at position "
            f"{bad[0]}; pass `class_names` if there are more classes than labels seen"
        )


def check_probs(pred_probs: ArrayLike, size: int, num_classes: int) -> Float64Array:
    """Check (N, K) class probabilities: finite, >= 0, rows summing to 1 within 1 %."""
    probs = np.asarray(as_numpy(pred_probs), dtype=np.float64)
    if probs.shape != (size, num_classes):
        raise ShapeError(f"`pred_probs` must have shape ({size}, {num_classes}), got {probs.shape}")
    bad = np.flatnonzero(~(np.isfinite(probs).all(axis=1) & (probs >= 0).all(axis=1)))
    if bad.size == 0:
        bad = np.flatnonzero(np.abs(probs.sum(axis=1) - 1) > 0.01)
    if bad.size:
        raise InvalidInputError(
            f"`pred_probs` must hold probabilities (>= 0, each row summing to 1), but row {bad[0]} does not; "
            "pass a softmax of the classifier's logits"
        )
    return probs


def _class_names(given: IntArray, names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(str(i) for i in range(int(given.max(initial=-1)) + 1))
    if len(set(names)) != len(names):
        raise InvalidInputError("`class_names` must not name a class twice")
    return tuple(names)


def _optional(values: ArrayLike | None, size: int, name: str, default: int) -> IntArray:
    return np.full(size, default, dtype=np.int64) if values is None else int_vector(values, size, name)


def _check_values(values: IntArray, allowed: tuple[int, ...], name: str) -> None:
    bad = np.flatnonzero(~np.isin(values, allowed))
    if bad.size:
        raise InvalidInputError(f"`{name}` must hold only {allowed}, got {values[bad[0]]} at position {bad[0]}")
