"""Samples, labels and references of a joint training: who is learned under which label, who shows a class."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from noisette.errors import InvalidInputError, NotVerifiedError, ShapeError, UnknownClassError
from noisette.training.batches import map_style_size
from noisette.training.loop import hash_of
from noisette.types import (
    CORRECT,
    MISLABELLED,
    NONE_OF_THE_CLASSES,
    UNVERIFIED,
    ArrayLike,
    BoolArray,
    IntArray,
    as_numpy,
)

LEARNED, COMPARED, VERIFIED = 0, 1, 2
"""Columns of a target: the class a sample is learned under, the class it is compared with, the verification label."""


@dataclass(frozen=True, eq=False)
class JointLabels:
    """What is known of N samples.

    Attributes:
        given: (N,) class ids.
        verification: (N,) 1 = given label correct, 0 = mislabelled, -1 = unverified.
        learned: (N,) class ids the classifier learns: the corrected one where it is known, else the given one.
    """

    given: IntArray
    verification: IntArray
    learned: IntArray

    @property
    def is_corrected(self) -> BoolArray:
        """(N,) learned under another label than the given one."""
        mask: BoolArray = self.learned != self.given
        return mask

    @property
    def share_correct(self) -> float:
        """Share of given labels found correct among the verified."""
        return float((self.verification[self.verification != UNVERIFIED] == CORRECT).mean())

    def about(self) -> dict[str, Any]:
        """Give what a checkpoint is compared by."""
        return {
            "`verification_labels`": hash_of(self.verification),
            "given labels": hash_of(self.given),
            "labels to learn": hash_of(self.learned),
        }

    def pairs(self) -> IntArray:
        """Give (P,) indices in `JointSamples` of verified pairs: (given, 1 or 0) and, if corrected, (learned, 1)."""
        corrected = np.arange(int(self.is_corrected.sum())) + self.given.size
        return np.concatenate([np.flatnonzero(self.verification != UNVERIFIED), corrected])

    def references(self, num_classes: int, num_references: int, rng: np.random.Generator) -> IntArray:
        """Choose (K, R) rows that show each class, -1 where there are none left.

        Those known to show it come first, in random order, then unverified ones given its label; never one whose label
        was found wrong.

        Raises:
            InvalidInputError: no sample shows any class.
        """
        found = np.full((num_classes, num_references), -1, dtype=np.int64)
        known = (self.verification == CORRECT) | self.is_corrected
        usable = np.flatnonzero(known | (self.verification == UNVERIFIED))
        order = usable[np.lexsort((rng.random(usable.size), ~known[usable], self.learned[usable]))]
        starts = np.searchsorted(self.learned[order], np.arange(num_classes + 1))
        if usable.size == 0:
            raise InvalidInputError(
                "`verification_labels` call every sample mislabelled and none is corrected, so nothing shows any class"
            )
        for label, (start, end) in enumerate(pairwise(starts)):
            rows = order[start : min(end, start + num_references)]
            found[label, : rows.size] = rows
        return found


def joint_labels(
    train: Any, labels: ArrayLike | None, verification_labels: ArrayLike, correct_labels: ArrayLike | None
) -> JointLabels:
    """Check what is known of the samples.

    Args:
        train: the data set; asked for its labels where `labels` is None.
        labels: (N,) given class ids.
        verification_labels: (N,) 1, 0 or -1.
        correct_labels: (N,) the class of mislabelled samples: class id, -1 not known, -2 none of the classes.

    Raises:
        ShapeError: an array has not one entry a sample.
        InvalidInputError: a value is none of those above, or a correct label belongs to a sample that is not wrong.
        NotVerifiedError: nothing is verified.
    """
    size = map_style_size(train, "train")
    given = _column(given_labels(train) if labels is None else labels, "labels", size, least=0)
    verification = _column(verification_labels, "verification_labels", size, least=UNVERIFIED)
    if (verification > CORRECT).any():
        raise InvalidInputError(
            f"`verification_labels` must be 1, 0 or -1 (correct, mislabelled, unverified), got {verification.max()}"
        )
    if (verification == UNVERIFIED).all():
        raise NotVerifiedError(
            "`verification_labels` are all -1, and CleanNet learns from verified labels; verify some, or train without "
            "it: `train_classifier`"
        )
    if correct_labels is None:
        return JointLabels(given, verification, given)
    correct = _column(correct_labels, "correct_labels", size, least=NONE_OF_THE_CLASSES)
    is_corrected = (verification == MISLABELLED) & (correct >= 0)
    if (correct[is_corrected] == given[is_corrected]).any():
        row = np.flatnonzero(is_corrected & (correct == given))[0]
        raise InvalidInputError(f"`correct_labels` names the given label of sample {row}, which is said to be wrong")
    return JointLabels(given, verification, np.where(is_corrected, correct, given))


def given_labels(train: Any) -> ArrayLike:
    """Give the labels of a data set: its `targets`, the second tensor of a `TensorDataset`, or each sample's."""
    targets = getattr(train, "targets", None)
    if targets is not None:
        return targets
    tensors = getattr(train, "tensors", None)
    if tensors is not None and len(tensors) > 1:
        return tensors[1]
    return [int(train[row][1]) for row in range(len(train))]


def check_classes(labels: JointLabels, num_classes: int) -> None:
    """Raise UnknownClassError for labels that the classifier has no output for."""
    highest = int(max(labels.given.max(), labels.learned.max()))
    if highest >= num_classes:
        raise UnknownClassError(
            f"a label is {highest}, but `model` has {num_classes} outputs, for 0..{num_classes - 1}"
        )


@final
class JointSamples(Dataset[tuple[Any, Tensor, Any]]):
    """Samples (x, target, w) with all that is known of a label in the target, see `LEARNED`.

    N indices are the samples of the data set; those from N on are samples that were corrected, each once more, compared
    with its right class.
    """

    def __init__(self, dataset: Any, labels: JointLabels) -> None:
        self.dataset, self._corrected = dataset, np.flatnonzero(labels.is_corrected)
        own = np.stack([labels.learned, labels.given, labels.verification], axis=1)
        right = labels.learned[self._corrected]
        again = np.stack([right, right, np.full_like(right, CORRECT)], axis=1)
        self._targets = torch.from_numpy(np.concatenate([own, again]))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Tensor, Any]:
        """Give x, the (3,) target and the weight that the data set gives, or 1."""
        size = len(self.dataset)
        sample = self.dataset[index if index < size else int(self._corrected[index - size])]
        return sample[0], self._targets[index], sample[2] if len(sample) > 2 else 1.0


def _column(values: ArrayLike, name: str, size: int, *, least: int) -> IntArray:
    array = as_numpy(values)
    if array.shape != (size,):
        raise ShapeError(f"`{name}` must have shape ({size},), one entry a sample of `train`, got {array.shape}")
    if array.dtype.kind not in "biuf" or not np.array_equal(array, array.astype(np.int64)):
        raise InvalidInputError(f"`{name}` must be whole numbers, got {array.dtype}")
    column: IntArray = array.astype(np.int64)
    if column.min() < least:
        raise InvalidInputError(f"`{name}` must be at least {least}, got {column.min()}")
    return column
