"""Which samples a classifier learns from, under which label, with which weight; and on which it is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.pipeline.detection_file import detection_of
from noisette.pipeline.exporting.plan import join_scores, stale_inputs
from noisette.pipeline.hold_out import HELD_OUT, HeldOut, held_out, hold_out_notes
from noisette.pipeline.labelled import EVALUATION_SPLITS
from noisette.pipeline.provenance import decisions_hash
from noisette.pipeline.score_tables import ScoreTable, read_scores
from noisette.pipeline.workspace import Workspace
from noisette.scores.curation import DROPPED, CurationRule, curate
from noisette.scores.decisions import labels_in_force
from noisette.store import file_hash, read_about
from noisette.types import CORRECT, MISLABELLED, UNVERIFIED, BoolArray, Float64Array, IntArray, SampleTable

JOINT = "end-to-end"
WITHOUT_SCORES = ("none", "verified", JOINT)
"""Kinds of weights that need no verifier."""
_CURATED = ("drop", "corrected", "corrected-soft")
SOFT = ("soft", "corrected-soft")
"""Kinds of weights that are those of the score table."""


@dataclass(frozen=True, eq=False)
class TrainingLabels:
    """N samples to learn from.

    Attributes:
        rows: (N,) row numbers among the samples of the workspace.
        labels: (N,) class ids.
        weights: (N,) >= 0.
        num_changed: samples whose label is not the given one.
        num_left_out: samples of training splits that are not among them.
        notes: what a person should know.
    """

    rows: IntArray
    labels: IntArray
    weights: Float64Array
    num_changed: int
    num_left_out: int
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class EvaluationLabels:
    """M samples of one evaluation split under one kind of label.

    Attributes:
        split: "validation", "test" or "held-out".
        kind: "given": all under their given label; "verified": those whose class people confirmed or named.
        rows: (M,) row numbers among the samples.
        labels: (M,) class ids.
    """

    split: str
    kind: str
    rows: IntArray
    labels: IntArray


def verifier_of(workspace: Workspace) -> str:
    """Give the verifier whose scores are used; "" where none are."""
    options = workspace.settings.train
    if options.weights in WITHOUT_SCORES:
        return ""
    return options.verifier or str(detection_of(workspace)["chosen"])


def training_labels(workspace: Workspace, samples: SampleTable) -> TrainingLabels:
    """Choose labels and weights by `train.weights`.

    - none: given labels, weight 1; nothing else is looked at
    - verified: only samples that people found correct, and those they named the class of, under that; weight 1
    - end-to-end: given labels; the training itself weighs them, but for those that people decided on
    - soft: the score table's weights; hard: 1 for labels that are not flagged, 0 for others
    - drop: without flagged samples; corrected: these take the suggestion where it is likely enough; weight 1
    - corrected-soft: the same with the weights that `export` writes

    Where people named the right class, that is the label, with weight 1, except under "none".

    Raises:
        WorkspaceError: `detect` has not been run, or its scores are of other labels.
        InvalidInputError: no sample is left, or soft weights were not what `detect` made.
        NotVerifiedError: "verified", or a share to hold out, and nobody has found a label correct or named the right
            one; "end-to-end", and nobody has checked a label.
    """
    kind = workspace.settings.train.weights
    all_rows = np.flatnonzero(~is_evaluation(samples))
    held = held_out(workspace, samples)
    if kind == "none":
        found = TrainingLabels(all_rows, samples.given_labels[all_rows], np.ones(all_rows.size), 0, 0, ())
    elif kind == "verified":
        found = _verified(workspace, samples, all_rows)
    elif kind == JOINT:
        found = _joint(workspace, samples, all_rows)
    else:
        found = _by_scores(workspace, samples, kind, all_rows.size)
    if held.rows.size:
        found = _without(workspace, samples, found, held)
    if found.rows.size == 0:
        raise InvalidInputError("no sample is left to train on; look at `noisette status` and `noisette report`")
    return found


def evaluation_labels(workspace: Workspace, samples: SampleTable) -> list[EvaluationLabels]:
    """Give the samples to measure on: of each evaluation split those with a given and with a verified label.

    Those of training splits that `held_out` chooses come last, as one more split, under their verified label.
    """
    splits = np.array(samples.splits, dtype=object)
    found: list[EvaluationLabels] = []
    for split in EVALUATION_SPLITS:
        rows = np.flatnonzero(splits == split)
        if rows.size == 0:
            continue
        given = samples.given_labels[rows]
        found.append(EvaluationLabels(split, "given", rows, given))
        with workspace.reviews() as reviews:
            decided = reviews.resolve([split] * rows.size, [samples.keys[row] for row in rows], given)
        labels = labels_in_force(given, decided.verification_labels, decided.correct_labels)
        known = np.flatnonzero((decided.verification_labels != UNVERIFIED) & (labels >= 0))
        if known.size:
            found.append(EvaluationLabels(split, "verified", rows[known], labels[known]))
    held = held_out(workspace, samples)
    if held.rows.size:
        found.append(EvaluationLabels(HELD_OUT, "verified", held.rows, held.labels))
    return found


def is_evaluation(samples: SampleTable) -> BoolArray:
    """Give the (N,) mask of samples that are never learned from."""
    mask: BoolArray = np.isin(np.array(samples.splits, dtype=object), EVALUATION_SPLITS)
    return mask


def _without(workspace: Workspace, samples: SampleTable, labels: TrainingLabels, held: HeldOut) -> TrainingLabels:
    """Leave out the samples that are held out to measure on, and their copies."""
    kept = np.flatnonzero(~np.isin(labels.rows, held.excluded))
    name = verifier_of(workspace)
    is_seen = bool(name) and not np.isnan(read_scores(workspace.scores(name)).verifier_quality).all()
    return TrainingLabels(
        labels.rows[kept],
        labels.labels[kept],
        labels.weights[kept],
        int((labels.labels[kept] != samples.given_labels[labels.rows[kept]]).sum()),
        labels.num_left_out + labels.rows.size - kept.size,
        (*labels.notes, *hold_out_notes(workspace, held.rows.size, is_seen=is_seen)),
    )


def _verified(workspace: Workspace, samples: SampleTable, rows: IntArray) -> TrainingLabels:
    given = samples.given_labels[rows]
    with workspace.reviews() as reviews:
        decided = reviews.resolve([samples.splits[row] for row in rows], [samples.keys[row] for row in rows], given)
    labels = labels_in_force(given, decided.verification_labels, decided.correct_labels)
    kept = np.flatnonzero((decided.verification_labels != UNVERIFIED) & (labels >= 0))
    if kept.size == 0:
        raise NotVerifiedError(
            "`weights` verified needs samples of training splits that people found correct or named the class of, and "
            "there are none; check some with `noisette review` or `noisette labels import`, or take --weights soft"
        )
    missing = len(workspace.class_names()) - np.unique(labels[kept]).size
    notes = (f"{missing} classes have no such sample: what the classifier knew of them may be lost",) if missing else ()
    num_changed = int((labels[kept] != given[kept]).sum())
    return TrainingLabels(rows[kept], labels[kept], np.ones(kept.size), num_changed, rows.size - kept.size, notes)


def _joint(workspace: Workspace, samples: SampleTable, rows: IntArray) -> TrainingLabels:
    given = samples.given_labels[rows]
    with workspace.reviews() as reviews:
        decided = reviews.resolve([samples.splits[row] for row in rows], [samples.keys[row] for row in rows], given)
    if (decided.verification_labels == UNVERIFIED).all():
        raise NotVerifiedError(
            f"`weights` {JOINT} needs samples of training splits that people checked, and there are none; check some "
            "with `noisette review` or `noisette labels import`, or take --weights none"
        )
    is_wrong = decided.verification_labels == MISLABELLED
    is_corrected = is_wrong & (decided.correct_labels >= 0)
    labels: IntArray = np.where(is_corrected, decided.correct_labels, given)
    weights = np.where(is_wrong & ~is_corrected, 0.0, 1.0)
    return TrainingLabels(rows, labels, weights, int(is_corrected.sum()), 0, ())


def _by_scores(workspace: Workspace, samples: SampleTable, kind: str, num_training: int) -> TrainingLabels:
    name = verifier_of(workspace)
    path = workspace.need(workspace.scores(name), f"noisette detect --verifier {name}")
    about = read_about(path)
    if kind in SOFT and (about or {}).get("settings", {}).get("weights") == "hard":
        raise InvalidInputError(
            f"`weights` {kind} needs soft weights, and {name} was run with hard ones; run `noisette detect --weights "
            "soft` first, or take --weights hard"
        )
    table, places, notes = join_scores(samples, read_scores(path))
    is_training = ~np.isin(np.array(table.splits, dtype=object), EVALUATION_SPLITS)
    labels, weights = _labels_and_weights(workspace, table, kind)
    kept = np.flatnonzero(is_training & (labels >= 0))
    num_scored = int(is_training.sum())
    if num_scored < num_training:
        notes += (f"{num_training - num_scored} samples have no score and are left out",)
    if np.isnan(table.verifier_quality).all():
        notes += ("nobody has checked a label: the weights rest on the given labels alone",)
    current = {"samples": file_hash(workspace.samples), "decisions": decisions_hash(workspace)}
    stale = stale_inputs(about, current)
    if stale:
        notes += (f"the scores are older than today's {' and '.join(stale)}; run `noisette detect` again, then train",)
    num_changed = int((labels[kept] != table.scores.given_label[kept]).sum())
    return TrainingLabels(places[kept], labels[kept], weights[kept], num_changed, num_training - kept.size, notes)


def _labels_and_weights(workspace: Workspace, table: ScoreTable, kind: str) -> tuple[IntArray, Float64Array]:
    """Give (N,) labels, -1 where a sample is to be left out, and (N,) weights."""
    scores = table.scores
    with workspace.reviews() as reviews:
        decided = reviews.resolve(table.splits, table.keys, scores.given_label)
    if kind in _CURATED:
        above = None if kind == "drop" else workspace.settings.train.relabel_above
        curated = curate(
            CurationRule(relabel_above=above),
            scores,
            verification_labels=decided.verification_labels,
            correct_labels=decided.correct_labels,
            is_untouched=np.zeros(len(table.keys), dtype=np.bool_),
        )
        is_kept = curated.action != DROPPED
        weights = curated.sample_weight if kind == "corrected-soft" else np.ones(is_kept.size)
        return np.where(is_kept, curated.label, -1), weights
    is_wrong = decided.verification_labels == MISLABELLED
    is_corrected = is_wrong & (decided.correct_labels >= 0)
    labels: IntArray = np.where(is_corrected, decided.correct_labels, scores.given_label)
    weights = scores.sample_weight if kind == "soft" else (~scores.is_label_issue).astype(np.float64)
    # Decisions may be younger than the scores.
    weights = np.select(
        [is_corrected, is_wrong, decided.verification_labels == CORRECT], [1.0, 0.0, np.maximum(weights, 1.0)], weights
    )
    return labels, weights
