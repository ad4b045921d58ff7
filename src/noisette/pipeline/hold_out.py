"""Verified samples that are kept out of training to measure on, where nobody set a validation split apart."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.pipeline.backbone import model_folder
from noisette.pipeline.labelled import EVALUATION_SPLITS
from noisette.pipeline.provenance import decisions_hash
from noisette.pipeline.sample_rows import sample_rows
from noisette.pipeline.train_result import read_facts
from noisette.pipeline.workspace import Workspace
from noisette.scores.decisions import labels_in_force
from noisette.store import read_about, read_table
from noisette.types import UNVERIFIED, IntArray, SampleTable

_NOT_WITHOUT = "may have learned from these held-out samples"
HELD_OUT = "held-out"
"""What these samples are called among the splits that are measured on."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """M samples to measure on.

    Attributes:
        rows: (M,) row numbers among the samples of the workspace.
        labels: (M,) class ids that people confirmed or named.
        copies: row numbers of training samples that show a picture among them; they are not learned from either.
    """

    rows: IntArray
    labels: IntArray
    copies: IntArray

    @property
    def excluded(self) -> IntArray:
        """Row numbers that are not learned from."""
        return np.concatenate([self.rows, self.copies])


def held_out(workspace: Workspace, samples: SampleTable) -> HeldOut:
    """Choose the share `train.hold_out` of the samples of training splits whose class people confirmed or named.

    Whether one is chosen hangs on its identity and the seed alone: it stays so when more are verified, and a larger
    share adds to a smaller one. Copies of a picture, where `detect` has found them, are chosen together.

    Raises:
        NotVerifiedError: a share is wanted, and there are no such samples.
        InvalidInputError: the share of them is none.
    """
    share, nothing = workspace.settings.train.hold_out, np.empty(0, np.int64)
    if share == 0:
        return HeldOut(nothing, nothing, nothing)
    rows, labels = _verified(workspace, samples)
    if rows.size == 0:
        raise NotVerifiedError(
            f"`hold_out` {share:g} needs samples of training splits that people found correct or named the class of, "
            "and there are none; check some with `noisette review` or `noisette labels import`"
        )
    first = _first_of_copies(workspace, samples)
    chosen = np.array([_draw(workspace, samples, place) < share for place in first[rows].tolist()], dtype=np.bool_)
    if not chosen.any():
        raise InvalidInputError(
            f"`hold_out` {share:g} of {rows.size} verified samples is none of them; take a larger share"
        )
    is_training = ~np.isin(np.array(samples.splits, dtype=object), EVALUATION_SPLITS)
    is_copy = is_training & np.isin(first, first[rows[chosen]])
    is_copy[rows[chosen]] = False
    return HeldOut(rows[chosen], labels[chosen], np.flatnonzero(is_copy))


def hold_out_notes(workspace: Workspace, num_held_out: int, *, is_seen: bool) -> tuple[str, ...]:
    """Say what knew the held-out samples all the same.

    Args:
        workspace: whose settings have their defaults filled in.
        num_held_out: how many there are.
        is_seen: whether the weights come from a verifier that has learned from verification labels.
    """
    options, notes = workspace.settings.train, []
    folder = model_folder(workspace, options.backbone)
    is_learned = folder is not None and _may_have_learned(workspace, folder)
    if is_seen:
        only = "" if is_learned else "; only the classifier has not"
        notes.append(
            f"the weights have seen the verification labels of the {num_held_out} held-out samples, from which "
            f"{options.verifier or 'the verifier'} learned, too{only}"
        )
    if is_learned:
        notes.append(f"{options.backbone}, which training goes on from, {_NOT_WITHOUT}; the figures on them flatter")
    return tuple(notes)


def _may_have_learned(workspace: Workspace, folder: Path) -> bool:
    """Tell whether a classifier, or one that it went on from, may have learned from samples held out today.

    Those that were verified after it was trained were not held out then.
    """
    before, options = read_about(folder) or {}, workspace.settings.train
    settings, inputs = before.get("settings", {}), before.get("inputs", {})
    return (
        settings.get("random_state") != workspace.settings.project.random_state
        or settings.get("hold_out", 0) < options.hold_out
        or inputs.get("decisions") != decisions_hash(workspace)
        or any(_NOT_WITHOUT in note for note in read_facts(folder).notes)
    )


def _verified(workspace: Workspace, samples: SampleTable) -> tuple[IntArray, IntArray]:
    rows = np.flatnonzero(~np.isin(np.array(samples.splits, dtype=object), EVALUATION_SPLITS))
    given = samples.given_labels[rows]
    with workspace.reviews() as reviews:
        decided = reviews.resolve([samples.splits[row] for row in rows], [samples.keys[row] for row in rows], given)
    labels = labels_in_force(given, decided.verification_labels, decided.correct_labels)
    known = np.flatnonzero((decided.verification_labels != UNVERIFIED) & (labels >= 0))
    return rows[known], labels[known]


def _first_of_copies(workspace: Workspace, samples: SampleTable) -> IntArray:
    """Give (N,) the row of the same picture whose identity is the first; a row's own number where no copy is known."""
    first: IntArray = np.arange(len(samples))
    if not workspace.duplicates.exists():
        return first
    columns = read_table(workspace.duplicates)
    groups = np.asarray(columns["duplicate_group"], dtype=np.int64)
    places = sample_rows(samples, list(columns["split"]), list(columns["key"]))
    kept = np.flatnonzero((groups >= 0) & (places >= 0)).tolist()
    # By identity, not by place: the order of samples must not choose.
    kept.sort(key=lambda place: (columns["split"][place], columns["key"][place]))
    _, start, inverse = np.unique(groups[kept], return_index=True, return_inverse=True)
    first[places[kept]] = places[kept][start[inverse]]
    return first


def _draw(workspace: Workspace, samples: SampleTable, row: int) -> float:
    """Give a number in [0, 1) that follows from a sample's identity and the seed."""
    text = f"{workspace.settings.project.random_state}\x1f{samples.splits[row]}\x1f{samples.keys[row]}"
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / (1 << 48)
