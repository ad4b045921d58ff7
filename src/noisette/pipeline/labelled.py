"""The workspace as a verifier sees it: a feature table whose every row has a given label and perhaps a decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from noisette.errors import WorkspaceError
from noisette.pipeline.sample_rows import sample_rows
from noisette.pipeline.workspace import Workspace
from noisette.store import ParquetTable, read_samples
from noisette.types import (
    NOT_KNOWN,
    UNVERIFIED,
    BoolArray,
    FeatureTable,
    Float32Array,
    Float64Array,
    IntArray,
)

EVALUATION_SPLITS = ("validation", "test")
"""Splits whose verification labels are never learned from."""


@dataclass(frozen=True, eq=False)
class LabelledFeatures:
    """N rows of a feature table with what is known of each.

    Attributes:
        table: the features.
        keys, splits: identity of each row.
        uris: where each row's picture is; "" where there is none.
        given_labels: (N,) class ids.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        correct_labels: (N,) class id; -1 not known, -2 none of the classes.
        inclusion_probabilities: (N,) chance in (0, 1] with which a verified sample was drawn; NaN where not known.
        is_audit: (N,) True where a verified sample was drawn at random from all samples.
        class_names: names of the K classes.
        sample_rows: (N,) row number of each among the samples of the workspace.
        notes: what a person should know about the join of samples, features and decisions.
        duplicate_group: (N,) rows of one picture have one number, -1 = no duplicate; None = not looked for yet.
    """

    table: FeatureTable
    keys: list[str]
    splits: list[str]
    uris: list[str]
    given_labels: IntArray
    verification_labels: IntArray
    correct_labels: IntArray
    inclusion_probabilities: Float64Array
    is_audit: BoolArray
    class_names: tuple[str, ...]
    sample_rows: IntArray
    notes: tuple[str, ...] = ()
    duplicate_group: IntArray | None = None

    @cached_property
    def is_evaluation(self) -> np.ndarray:
        """(N,) mask of the rows that are kept for evaluation."""
        return np.isin(np.array(self.splits, dtype=object), EVALUATION_SPLITS)

    def label_weights(self, rows: BoolArray) -> Float64Array | None:
        """Give (N,) weights of verified labels, so that those in `rows` (a mask) stand for the samples there; or None.

        See `planning.label_weights`; None: no verified label has a known chance, all count the same.
        """
        from noisette.planning.label_weights import label_weights  # loads optimisers, which few need

        found = label_weights(
            self.given_labels[rows],
            self.verification_labels[rows],
            self.inclusion_probabilities[rows],
            len(self.class_names),
        )
        if found is None:
            return None
        weights = np.ones(rows.size)
        weights[rows] = found
        return weights

    @property
    def is_measured_elsewhere(self) -> BoolArray:
        """(N,) mask of verified training rows whose picture is verified in an evaluation split, too.

        Errors are measured there, so nothing may be learned from these: of two copies it is the one for training that
        gives way, as wherever training data are cleaned of test pictures, and figures stay comparable.
        """
        is_verified = self.verification_labels != UNVERIFIED
        if self.duplicate_group is None:
            return np.zeros(is_verified.size, dtype=np.bool_)
        measured = self.duplicate_group[is_verified & self.is_evaluation & (self.duplicate_group >= 0)]
        elsewhere: BoolArray = is_verified & ~self.is_evaluation & np.isin(self.duplicate_group, measured)
        return elsewhere

    def fit_rows(self) -> IntArray:
        """Give the numbers of the rows that `Verifier.fit` sees: all but those kept for evaluation."""
        return np.flatnonzero(~self.is_evaluation)

    def fit_arguments(self) -> dict[str, object]:
        """Give the arguments of `Verifier.fit`: the rows of `fit_rows`, and what may be learned of them."""
        rows = self.fit_rows()
        table = self.table if rows.size == self.table.num_rows else RowsOf(self.table, rows)
        hidden = self.is_measured_elsewhere[rows]
        return {
            "features": table,
            "given_labels": self.given_labels[rows],
            "verification_labels": np.where(hidden, UNVERIFIED, self.verification_labels[rows]),
            "correct_labels": np.where(hidden, NOT_KNOWN, self.correct_labels[rows]),
            "class_names": self.class_names,
            "duplicate_groups": None if self.duplicate_group is None else self.duplicate_group[rows],
        }


@dataclass(frozen=True, eq=False)
class RowsOf:
    """Some rows (ascending numbers) of a feature table, as a feature table; reads each block of the table once."""

    table: FeatureTable
    rows: IntArray

    @property
    def num_rows(self) -> int:
        """Number of rows kept."""
        return int(self.rows.size)

    @property
    def num_features(self) -> int:
        """D."""
        return self.table.num_features

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Class names of the table."""
        return self.table.class_names

    def iter_batches(self, batch_size: int) -> Iterator[Float32Array]:
        """Yield (B, D) blocks of the rows kept; every block but the last has `batch_size` rows."""
        waiting: list[Float32Array] = []
        held, start = 0, 0
        for block in self.table.iter_batches(batch_size):
            low, high = np.searchsorted(self.rows, [start, start + block.shape[0]])
            part = block[self.rows[low:high] - start]
            start += block.shape[0]
            waiting.append(part)
            held += part.shape[0]
            if held >= batch_size:
                joined = np.concatenate(waiting)
                yield joined[:batch_size]
                waiting, held = [joined[batch_size:]], held - batch_size
        if held:
            yield np.concatenate(waiting)

    def take(self, rows: IntArray) -> Float32Array:
        """Give the rows with these numbers among the rows kept."""
        return self.table.take(self.rows[rows])


def load_labelled(workspace: Workspace) -> LabelledFeatures:
    """Join samples, features and decisions of a workspace.

    Raises:
        WorkspaceError: there are no features, or none that belong to a sample.
    """
    workspace.need(workspace.features, "noisette embed" if workspace.has_images else "noisette init")
    samples = read_samples(workspace.samples)
    class_names = workspace.class_names()
    stored = ParquetTable(workspace.features, class_names=class_names)
    keys, splits = stored.read_keys(), stored.read_splits()
    places = sample_rows(samples, splits, keys)
    notes = []
    table: FeatureTable = stored
    if (places < 0).any():
        kept = np.flatnonzero(places >= 0)
        notes.append(f"{places.size - kept.size} rows of features belong to no sample and are left out")
        if kept.size == 0:
            raise WorkspaceError("no row of the features belongs to a sample; were they made for another data set?")
        table, places = RowsOf(stored, kept), places[kept]
        keys, splits = [keys[i] for i in kept], [splits[i] for i in kept]
    if len(samples) > places.size:
        where = f"; {workspace.features.relative_to(workspace.root).as_posix()}/skipped.txt says why"
        notes.append(
            f"{len(samples) - places.size} of {len(samples)} samples have no features and take no part"
            + (where if workspace.has_images else "")
        )
    given = samples.given_labels[places]
    with workspace.reviews() as reviews:
        resolved = reviews.resolve(splits, keys, given)
    if resolved.changed.any():
        notes.append(
            f"{int(resolved.changed.sum())} decisions were taken on another given label than today's and count as none"
        )
    return LabelledFeatures(
        table,
        keys,
        splits,
        [samples.uris[i] for i in places],
        given,
        resolved.verification_labels,
        resolved.correct_labels,
        resolved.inclusion_probabilities,
        resolved.is_audit,
        class_names,
        places,
        tuple(notes),
    )
