"""What duplicates mean for a data set: how many there are, which carry several labels, which lie in several splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.neighbors import ConflictingGroup, conflicting_groups
from noisette.pipeline.labelled import EVALUATION_SPLITS, LabelledFeatures
from noisette.scores.decisions import labels_in_force
from noisette.types import NOT_KNOWN, IntArray


@dataclass(frozen=True)
class DuplicateCounts:
    """Duplicates in numbers.

    Attributes:
        num_samples: samples that show a picture which another sample shows, too.
        num_pictures: pictures that they show.
        num_conflicting: how many of these pictures carry different labels.
        num_across_splits: samples whose picture lies in more than one of train, validation and test.
        num_not_learned_from: verification labels of training samples that no verifier learns from, since their picture
            is verified in validation or test, too.
        example: two samples of one picture in different splits, as "key (split)"; empty where there are none.
        similarity: cosine from which two samples count as one picture.
    """

    num_samples: int
    num_pictures: int
    num_conflicting: int
    num_across_splits: int
    num_not_learned_from: int
    example: tuple[str, ...]
    similarity: float


def count_duplicates(labelled: LabelledFeatures, similarity: float) -> DuplicateCounts:
    """Count the duplicates of rows whose groups are known (`duplicates.with_duplicates`)."""
    group = _group(labelled)
    across = rows_across_splits(group, split_parts(labelled.splits))
    return DuplicateCounts(
        int((group >= 0).sum()),
        int(np.unique(group[group >= 0]).size),
        len(conflicts(labelled)),
        int(across.size),
        int(labelled.is_measured_elsewhere.sum()),
        tuple(f"{labelled.keys[row]} ({labelled.splits[row]})" for row in _example(across, labelled)),
        similarity,
    )


def conflicts(labelled: LabelledFeatures) -> list[ConflictingGroup]:
    """Give the pictures with more than one label in force, those of most samples first.

    Corrected labels take the place of given ones; a label that was found wrong, and not corrected, contradicts nothing.
    """
    labels = labels_in_force(labelled.given_labels, labelled.verification_labels, labelled.correct_labels)
    return conflicting_groups(np.where(labels == NOT_KNOWN, -1, _group(labelled)), labels)


def duplicate_notes(counts: DuplicateCounts) -> tuple[str, ...]:
    """Say it in words; nothing where there are no duplicates."""
    if counts.num_samples == 0:
        return ()
    notes = [
        f"{counts.num_samples} samples show a picture that another one shows, too ({counts.num_pictures} pictures; "
        f"equal features, or a cosine of {counts.similarity:g} and above)"
        + (f"; {counts.num_conflicting} of these carry different labels, see the report" * (counts.num_conflicting > 0))
    ]
    if counts.num_across_splits:
        notes.append(
            f"{counts.num_across_splits} samples have a duplicate in another of train, validation and test, as "
            f"{' and '.join(counts.example)}; figures on these splits look better than they are for it"
        )
    if counts.num_not_learned_from:
        notes.append(
            f"{counts.num_not_learned_from} verification labels of training samples are not learned from, since the "
            "same pictures are verified in validation or test, where errors are measured"
        )
    return tuple(notes)


def split_parts(splits: list[str]) -> IntArray:
    """Give the (N,) part of each split: 0 training (whatever it is called), then those kept for evaluation."""
    names = np.array(splits, dtype=object)
    return np.select([names == name for name in EVALUATION_SPLITS], [1, 2], 0).astype(np.int64)


def rows_across_splits(group: IntArray, parts: IntArray) -> IntArray:
    """Give the rows, group by group, whose group lies in more than one part."""
    rows = np.flatnonzero(group >= 0)
    rows = rows[np.argsort(group[rows], kind="stable")]
    _, starts, inverse = np.unique(group[rows], return_index=True, return_inverse=True)
    if rows.size == 0:
        return rows
    differ = np.maximum.reduceat(parts[rows], starts) != np.minimum.reduceat(parts[rows], starts)
    across: IntArray = rows[differ[inverse]]
    return across


def _example(across: IntArray, labelled: LabelledFeatures) -> list[int]:
    """Give two rows of the first group, from different parts."""
    if across.size == 0:
        return []
    first = across[0]
    same = across[_group(labelled)[across] == _group(labelled)[first]]
    parts = split_parts([labelled.splits[row] for row in same])
    return [int(first), int(same[np.argmax(parts != parts[0])])]


def _group(labelled: LabelledFeatures) -> IntArray:
    assert labelled.duplicate_group is not None  # `with_duplicates` comes first
    return labelled.duplicate_group
