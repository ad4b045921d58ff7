"""Who may score whom: cross-fitting folds that follow from a row's content, so that no row is scored by its own label.

A row is known by a hash of its float32 bytes. Verified rows are dealt to folds; a model that scores a row has never
seen a verification label of that row, or of a copy of it under another label; near-duplicates that are named as one
group count as copies, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from noisette.neighbors.duplicates import components
from noisette.types import BoolArray, FloatArray, HashArray, IntArray
from noisette.types.row_hashes import row_hashes as row_hashes

MIN_CLASSES = 5  # verified classes from which whole classes are left out
_RUNS, _RUN = 4, 8  # a run of columns shares a cache line, so few of a row are touched

FoldKind = Literal["classes", "stratified", "none"]


def _prefix_hashes(features: FloatArray) -> HashArray:
    """Hash a few columns, in evenly spaced runs: cheap, and enough to tell most rows from the verified ones."""
    starts = np.linspace(0, max(0, features.shape[1] - _RUN), _RUNS).astype(np.int64)
    return row_hashes(np.concatenate([features[:, start : start + _RUN] for start in starts], axis=1))


@dataclass(frozen=True, eq=False)
class FoldPlan:
    """The folds of the verified rows.

    Attributes:
        kind: "classes" (whole classes left out), "stratified" (rows left out), "none" (nothing verified).
        num_folds: number of folds.
        hashes: (M,) sorted distinct hashes of the verified rows.
        folds: (M,) the fold of each hash.
        prefixes: sorted distinct hashes of a few columns of the same rows, to rule out most other rows quickly.
        class_folds: (K,) fold of each class with kind "classes", else -1.
    """

    kind: FoldKind
    num_folds: int
    hashes: HashArray
    folds: IntArray
    prefixes: HashArray
    class_folds: IntArray

    def folds_of(self, features: FloatArray) -> IntArray:
        """Give the (B,) fold of each row; -1 for a row that was never verified."""
        folds = np.full(features.shape[0], -1, dtype=np.int64)
        if self.hashes.size == 0:
            return folds
        maybe = np.flatnonzero(_contains(self.prefixes, _prefix_hashes(features)))
        if maybe.size:
            hashes = row_hashes(features[maybe])
            places = np.minimum(np.searchsorted(self.hashes, hashes), self.hashes.size - 1)
            folds[maybe] = np.where(self.hashes[places] == hashes, self.folds[places], -1)
        return folds

    def may_train(self, fold: int, folds: IntArray, labels: IntArray) -> BoolArray:
        """Mask of the pairs (with these row folds and labels) that the model of `fold` may learn from."""
        allowed: BoolArray = (folds != fold) & (self.class_folds[labels] != fold)
        return allowed

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Give the plan as arrays, for saving."""
        return {
            "hashes": self.hashes,
            "folds": self.folds,
            "prefixes": self.prefixes,
            "class_folds": self.class_folds,
        }

    @classmethod
    def from_arrays(cls, kind: FoldKind, num_folds: int, arrays: Mapping[str, npt.NDArray[Any]]) -> FoldPlan:
        """Undo `to_arrays`."""
        return cls(kind, num_folds, arrays["hashes"], arrays["folds"], arrays["prefixes"], arrays["class_folds"])


def plan_folds(
    features: FloatArray,
    given_labels: IntArray,
    targets: IntArray,
    num_classes: int,
    num_folds: int,
    rng: np.random.Generator,
    *,
    leave_classes_out: bool = True,
    groups: IntArray | None = None,
) -> FoldPlan:
    """Deal verified rows to folds: whole classes with five or more verified classes, else rows, stratified.

    Args:
        features: (M, D) the verified rows.
        given_labels: (M,) their given labels.
        targets: (M,) their verification labels, 0 or 1.
        num_classes: K.
        num_folds: wanted number of folds; fewer where there are fewer classes or rows.
        rng: deals classes (and, stratified, rows) at random.
        leave_classes_out: False = rows, however many classes are verified.
        groups: (M,) rows of one number (not -1) show one picture and share the fold of the first of them, as copies do.
    """
    classes = np.unique(given_labels)
    class_folds = np.full(num_classes, -1, dtype=np.int64)
    hashes = row_hashes(features)
    if leave_classes_out and classes.size >= MIN_CLASSES:
        kind: FoldKind = "classes"
        num_folds = min(num_folds, classes.size)
        class_folds[rng.permutation(classes)] = np.arange(classes.size) % num_folds
        folds = class_folds[given_labels]
    elif classes.size:
        kind = "stratified"
        num_folds = max(2, min(num_folds, int(given_labels.size)))
        folds = _deal(given_labels * 2 + targets, num_folds, rng)
    else:
        kind, num_folds, folds = "none", 0, np.empty(0, dtype=np.int64)
    distinct, first = np.unique(hashes, return_index=True)
    folds = folds[first_of_each(hashes, groups)]
    prefixes = np.unique(_prefix_hashes(features))
    return FoldPlan(kind, num_folds, distinct, folds[first].astype(np.int64), prefixes, class_folds)


def first_of_each(hashes: HashArray, groups: IntArray | None) -> IntArray:
    """Give the (M,) number of the first row with the same content or in the same group (not -1), chains included."""
    rows = np.arange(hashes.size)
    links = [_links_to_first(hashes, rows)]
    if groups is not None:
        links.append(_links_to_first(groups, np.flatnonzero(groups >= 0)))
    return components(np.concatenate(links, axis=1), hashes.size)


def _links_to_first(names: npt.NDArray[Any], rows: IntArray) -> IntArray:
    _, first, inverse = np.unique(names[rows], return_index=True, return_inverse=True)
    return np.stack([rows, rows[first[inverse]]])


def _deal(strata: IntArray, num_folds: int, rng: np.random.Generator) -> IntArray:
    """Deal rows round robin, stratum after stratum, in random order within a stratum."""
    order = np.lexsort((rng.random(strata.size), strata))
    folds = np.empty(strata.size, dtype=np.int64)
    folds[order] = np.arange(strata.size) % num_folds
    return folds


def _contains(ordered: HashArray, values: HashArray) -> BoolArray:
    places = np.minimum(np.searchsorted(ordered, values), ordered.size - 1)
    found: BoolArray = ordered[places] == values
    return found
