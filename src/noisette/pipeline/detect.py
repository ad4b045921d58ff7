"""`noisette detect`: references, verifiers, and what they say of every label; each part is redone only where stale."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noisette.errors import InvalidInputError
from noisette.files import atomic_open
from noisette.pipeline.backbone import features_state
from noisette.pipeline.calibration import cleaning_of
from noisette.pipeline.descriptions import about_detection, about_scores
from noisette.pipeline.duplicate_facts import DuplicateCounts, count_duplicates, duplicate_notes
from noisette.pipeline.duplicates import with_duplicates
from noisette.pipeline.fitting import fitted_verifier, workspace_references
from noisette.pipeline.labelled import LabelledFeatures, load_labelled
from noisette.pipeline.provenance import input_hashes, is_current, record
from noisette.pipeline.score_tables import read_scores, write_scores
from noisette.pipeline.workspace import Workspace
from noisette.scores.cleaning import Cleaning
from noisette.scores.weights import summarize_weights
from noisette.types import Progress, silent
from noisette.verifier.base import Verifier
from noisette.verifier.evaluation import Detection, evaluate_scores
from noisette.verifier.folds import MIN_CLASSES
from noisette.verifier.saving import VERIFIERS, load_rules, plan_kind

MAX_WARNINGS = 5
FEW_LABELS, FEW_OF_A_KIND = 20, 5
WITHOUT_LABELS = "evidence"
"""The verifier that needs no verification label at all."""


@dataclass(frozen=True)
class DetectResult:
    """What detection found.

    Attributes:
        chosen: name of the verifier whose scores count.
        measured: a row a verifier, errors on verified rows it had not seen; empty without verified rows.
        num_samples, num_verified, num_issues: rows scored, rows verified, labels taken to be wrong.
        cleaning: what is flagged, what for, and how many wrong labels are left after it.
        duplicates: samples that show the same picture, in numbers.
        notes: what a person should know, in words.
    """

    chosen: str
    measured: tuple[Detection, ...]
    num_samples: int
    num_verified: int
    num_issues: int
    cleaning: Cleaning
    duplicates: DuplicateCounts
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return dataclasses.asdict(self)


def detect(workspace: Workspace, progress: Progress = silent) -> DetectResult:
    """Score every label of a workspace by the settings of its `detect` section.

    Raises:
        WorkspaceError: something that an earlier command makes is missing.
        InvalidInputError: a verifier of that name does not exist.
    """
    labelled = load_labelled(workspace)
    names, notes = verifiers_to_run(workspace, labelled)
    inputs = input_hashes(workspace)
    # Before any verifier is fitted: copies of a picture must not be learned from and measured on.
    labelled = with_duplicates(workspace, labelled, inputs, progress)
    duplicates = count_duplicates(labelled, workspace.settings.detect.duplicate_similarity)
    workspace_references(workspace, labelled, inputs, progress)  # they speak for suggestions, whoever judges
    for name in names:
        verifier = fitted_verifier(workspace, name, labelled, inputs, progress)
        _scored(workspace, name, verifier, labelled, inputs, progress)
    measured = tuple(evaluate_scores_of(workspace, name, labelled) for name in names) if _is_verified(labelled) else ()
    chosen = _choose(workspace, measured) if measured else names[0]
    notes += (
        _left_out_note(workspace, measured)
        + (_few_labels_note(labelled) + _few_classes_note(labelled) if measured else ())
        + _weight_notes(workspace, chosen, labelled)
    )
    result = DetectResult(
        chosen,
        measured,
        labelled.table.num_rows,
        int(((labelled.verification_labels >= 0) & ~labelled.is_evaluation).sum()),
        _num_issues(workspace, chosen),
        cleaning_of(workspace, chosen, labelled),
        duplicates,
        (*_stale_note(workspace), *labelled.notes, *notes, *duplicate_notes(duplicates)),
    )
    with atomic_open(workspace.detection) as file:
        json.dump(result.to_json() | {"settings": _used_settings(workspace)}, file, indent=2, ensure_ascii=False)
    record(workspace.detection, about_detection(workspace, names, inputs))
    return result


def _stale_note(workspace: Workspace) -> tuple[str, ...]:
    state, reason = features_state(workspace) if workspace.has_images else ("current", "")
    if state == "current":
        return ()
    return (f"the features are {state} ({reason}); `noisette run` makes them anew",)


def _used_settings(workspace: Workspace) -> dict[str, Any]:
    """Give the settings behind the result, options of the command included; a report shows these."""
    sections = workspace.settings.to_json()
    return {name: sections[name] for name in ("references", "detect")}


def verifiers_to_run(workspace: Workspace, labelled: LabelledFeatures) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the names of the verifiers to fit, and notes about that choice."""
    wanted = workspace.settings.detect.verifier
    names = workspace.settings.detect.candidates if wanted == "auto" else (wanted,)
    unknown = [name for name in names if name not in VERIFIERS]
    if unknown:
        raise InvalidInputError(f"`verifier` must be auto or one of {', '.join(sorted(VERIFIERS))}, got {unknown[0]!r}")
    if _is_verified(labelled):
        return names, ()
    none = "no verification labels"
    if (labelled.verification_labels[~labelled.is_evaluation] >= 0).any():
        none = "verification labels of one kind only, correct or mislabelled, where both are needed"
    note = (
        f"{none}: labels are ranked by evidence of which each kind counts the same, and verdicts are a guess; "
        "check some labels, import them with `noisette labels import`, and detect again"
    )
    if wanted in ("auto", WITHOUT_LABELS):
        return (WITHOUT_LABELS,), (note,)
    return names, (f"{none}: scores rank the labels, but no probability or verdict is learned from checked ones",)


def evaluate_scores_of(workspace: Workspace, name: str, labelled: LabelledFeatures) -> Detection:
    """Measure a verifier on the verified rows, by scores that had not seen their verification labels."""
    from noisette.store import read_table

    columns = read_table(workspace.scores(name))
    scores = np.asarray(columns.get("similarity", columns.get("score")), dtype=np.float64)
    # Rows of the validation and test splits are for `evaluate`, which shows them apart.
    rows = np.flatnonzero((labelled.verification_labels >= 0) & ~labelled.is_evaluation)
    threshold = load_rules(workspace.verifier(name)).threshold
    assert threshold is not None  # there are verified rows of both kinds
    weights = labelled.label_weights(~labelled.is_evaluation)
    return evaluate_scores(
        name,
        scores[rows],
        labelled.verification_labels[rows],
        labelled.given_labels[rows],
        threshold,
        None if weights is None else weights[rows],
    )


def _scored(
    workspace: Workspace,
    name: str,
    verifier: Verifier,
    labelled: LabelledFeatures,
    inputs: dict[str, str],
    progress: Progress,
) -> None:
    path, about = workspace.scores(name), about_scores(workspace, name, inputs)
    if not is_current(path, about):
        verifier.progress = progress
        write_scores(path, verifier, labelled, workspace)
        record(path, about)


def _choose(workspace: Workspace, measured: Sequence[Detection]) -> str:
    """Take the lowest average error; errors on classes that were left out say more than errors on rows left out."""
    kinds = {row.name: plan_kind(workspace.verifier(row.name)) for row in measured}
    comparable = [row for row in measured if kinds[row.name] == "classes"] or list(measured)
    return min(comparable, key=lambda row: row.average_error).name


def _weight_notes(workspace: Workspace, name: str, labelled: LabelledFeatures) -> tuple[str, ...]:
    """Name the classes of which the sample weights leave little."""
    scores = read_scores(workspace.scores(name)).scores
    summary = summarize_weights(scores.sample_weight, scores.given_label, len(labelled.class_names))
    warnings = [
        f"{labelled.class_names[warning.class_id]} keeps {warning.kept_share:.0%} of its weight "
        f"(worth {warning.effective_size:.0f} samples)"
        for warning in summary.warnings[:MAX_WARNINGS]
    ]
    more = len(summary.warnings) - len(warnings)
    if not warnings:
        return ()
    rest = f", and {more} classes more" if more else ""
    return (
        f"little is left of some classes: {'; '.join(warnings)}{rest}; --weight-floor 0.1 keeps a part of every sample",
    )


def _few_labels_note(labelled: LabelledFeatures) -> tuple[str, ...]:
    """Say when figures rest on next to nothing."""
    checked = labelled.verification_labels[~labelled.is_evaluation]
    correct, wrong = int((checked == 1).sum()), int((checked == 0).sum())
    if correct + wrong >= FEW_LABELS and min(correct, wrong) >= FEW_OF_A_KIND:
        return ()
    return (
        f"only {correct + wrong} labels are checked, {wrong} of them wrong: errors, probabilities and the choice of "
        "the verifier are rough guesses; check about a hundred, in several classes",
    )


def _few_classes_note(labelled: LabelledFeatures) -> tuple[str, ...]:
    """Say what labels in a few classes cannot tell: nothing was left out that nobody had checked."""
    learned_from = (labelled.verification_labels >= 0) & ~labelled.is_evaluation
    classes = np.unique(labelled.given_labels[learned_from])
    if classes.size >= MIN_CLASSES or classes.size == len(labelled.class_names):
        return ()
    where = f"only one class, {labelled.class_names[classes[0]]}," if classes.size == 1 else f"{classes.size} classes"
    return (
        f"labels are checked in {where}: errors are measured on other samples of the same; how well labels "
        f"are judged in classes that nobody checked cannot be known; check some in {MIN_CLASSES} classes or more",
    )


def _left_out_note(workspace: Workspace, measured: Sequence[Detection]) -> tuple[str, ...]:
    """Say which figures cannot be compared: some methods know only the classes that were checked."""
    rows_only = [row.name for row in measured if plan_kind(workspace.verifier(row.name)) == "stratified"]
    if not rows_only or len(rows_only) == len(measured):
        return ()
    return (
        f"{', '.join(rows_only)}: measured on other samples of the checked classes, the rest on classes left out "
        "whole; compare them by `noisette evaluate --held-out 0.3`",
    )


def _num_issues(workspace: Workspace, name: str) -> int:
    from noisette.store import read_table

    return int(np.asarray(read_table(workspace.scores(name), ["is_label_issue"])["is_label_issue"]).sum())


def _is_verified(labelled: LabelledFeatures) -> bool:
    learned_from = labelled.verification_labels[~labelled.is_evaluation]
    return np.unique(learned_from[learned_from >= 0]).size == 2
