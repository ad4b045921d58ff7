"""`noisette evaluate`: errors of verifiers on verified labels they had not seen, and on classes nobody verified."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from noisette.data import read_held_out_list
from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.files import atomic_open
from noisette.pipeline.calibration import Calibration, calibration_of, cleaning_in
from noisette.pipeline.detection_file import detection_of
from noisette.pipeline.duplicates import with_duplicates
from noisette.pipeline.fitting import make_verifier
from noisette.pipeline.labelled import LabelledFeatures, load_labelled
from noisette.pipeline.provenance import input_hashes
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.workspace import Workspace
from noisette.planning.label_weights import choice_note
from noisette.scores.cleaning import Cleaning
from noisette.types import Float64Array, IntArray, Progress, silent
from noisette.verifier.base import Verifier
from noisette.verifier.evaluation import Detection, evaluate_scores
from noisette.verifier.held_out import HeldOutReport, held_out_classes
from noisette.verifier.saving import VERIFIERS, load_rules

AUTO = "auto"


@dataclass(frozen=True)
class Evaluation:
    """Figures at several thresholds: on the rows learned from (each scored out of fold), and on evaluation splits.

    Labels drawn with a known chance are weighted by it; `choice_note` says what is assumed of the others. `calibration`
    has a row a verifier with probabilities, on the rows learned from; `cleaning` is what `detect` found would be left.
    """

    cross_fitted: tuple[Detection, ...]
    evaluation_splits: tuple[Detection, ...]
    choice_note: str = ""
    calibration: tuple[Calibration, ...] = ()
    cleaning: Cleaning | None = None


def evaluate(workspace: Workspace, thresholds: Sequence[str] = (AUTO,), verifiers: Sequence[str] = ()) -> Evaluation:
    """Measure the scores that `detect` wrote.

    Args:
        workspace: the workspace.
        thresholds: numbers, and "auto" for the one that each verifier chose.
        verifiers: names; none = all that `detect` ran.

    Raises:
        WorkspaceError: `detect` has not been run (for that verifier).
        NotVerifiedError: there are no verification labels to measure on.
    """
    detection = detection_of(workspace)
    labelled = load_labelled(workspace)
    verified = labelled.verification_labels >= 0
    if not verified.any():
        raise NotVerifiedError(
            "there are no verification labels to measure on; import some with `noisette labels import`"
        )
    apart = labelled.is_evaluation
    names = tuple(verifiers) or ran_verifiers(workspace)
    within, beyond = (
        tuple(
            row
            for name in names
            for row in _at_thresholds(workspace, name, labelled, np.flatnonzero(verified & rows), weights, thresholds)
        )
        for rows, weights in ((part, labelled.label_weights(part)) for part in (~apart, apart))
    )
    num_known = int(np.isfinite(labelled.inclusion_probabilities[verified]).sum())
    measured = (calibration_of(workspace, name, labelled, ~apart, labelled.label_weights(~apart)) for name in names)
    return Evaluation(
        within,
        beyond,
        choice_note(int(verified.sum()), num_known),
        tuple(row for row in measured if row is not None),
        cleaning_in(detection),
    )


def evaluate_held_out(
    workspace: Workspace, held_out: str, verifiers: Sequence[str] = (), progress: Progress = silent
) -> HeldOutReport:
    """Run the held-out-class protocol, and keep its result for the report.

    Args:
        workspace: the workspace.
        held_out: a file of class names (a line each, or Food-101N's ``class<TAB>keep``), or a share between 0 and 1 of
            the verified classes, drawn by the workspace's seed.
        verifiers: names; none = all that `detect` ran.
        progress: called during long work.
    """
    labelled = with_duplicates(workspace, load_labelled(workspace), input_hashes(workspace), progress)
    names = tuple(verifiers) or ran_verifiers(workspace)
    unknown = [name for name in names if name not in VERIFIERS]
    if unknown:
        raise InvalidInputError(f"`verifiers` must be among {', '.join(sorted(VERIFIERS))}, got {unknown[0]!r}")
    arguments: dict[str, Any] = labelled.fit_arguments()
    classes = _held_out_classes(held_out, labelled, workspace.settings.project.random_state)
    run = partial(held_out_classes, held_out=classes, random_state=workspace.settings.project.random_state)
    report = run(verifiers={name: _maker(workspace, name, progress) for name in names}, **arguments)
    samples = _sample_rows(workspace, labelled, classes)
    if samples.size:
        name = "cleannet" if "cleannet" in names else str(detection_of(workspace)["chosen"])
        again = run(
            verifiers={name: _maker(workspace, name, progress)}, sample_rows=_places(samples, labelled), **arguments
        )
        rows = labelled.fit_rows()
        scored = (dataclasses.replace(sample, row=int(rows[sample.row])) for sample in again.samples)
        report = dataclasses.replace(report, samples=tuple(scored))
    _keep(workspace, report, labelled)
    return report


def ran_verifiers(workspace: Workspace) -> tuple[str, ...]:
    """Give the names of the verifiers that `detect` measured; without verification labels the one it took."""
    found = detection_of(workspace)
    return tuple(row["name"] for row in found["measured"]) or (str(found["chosen"]),)


def _maker(workspace: Workspace, name: str, progress: Progress) -> Callable[[], Verifier]:
    return lambda: make_verifier(workspace, name, progress)


def _at_thresholds(
    workspace: Workspace,
    name: str,
    labelled: LabelledFeatures,
    rows: IntArray,
    weights: Float64Array | None,
    thresholds: Sequence[str],
) -> list[Detection]:
    if rows.size == 0:
        return []
    path = workspace.need(workspace.scores(name), f"noisette detect --verifier {name}")
    scores = read_scores(path).scores.score[rows]
    own = load_rules(workspace.verifier(name)).threshold
    found = []
    for text in thresholds:
        threshold = own if text == AUTO else _number(text)
        if threshold is None:
            raise NotVerifiedError(
                f"{name} has no threshold of its own; verify some labels, or name one: --thresholds 0.1"
            )
        case = name if text == AUTO else f"{name} at {text}"
        found.append(
            evaluate_scores(
                case,
                scores,
                labelled.verification_labels[rows],
                labelled.given_labels[rows],
                threshold,
                None if weights is None else weights[rows],
            )
        )
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInputError(f"`thresholds` must be numbers or auto, got {text!r}") from None


def _held_out_classes(held_out: str, labelled: LabelledFeatures, seed: int) -> list[int]:
    """Resolve a file of names, or a share of the verified classes, to class ids."""
    try:
        share = float(held_out.removesuffix("%")) / (100 if held_out.endswith("%") else 1)
    except ValueError:
        names = read_held_out_list(Path(held_out), labelled.class_names)
        return [labelled.class_names.index(name) for name in names]
    if not 0 < share < 1:
        raise InvalidInputError(f"`held_out` must be a file, or a share between 0 and 1, got {held_out}")
    verified = np.unique(labelled.given_labels[labelled.verification_labels >= 0])
    count = min(max(1, round(share * verified.size)), max(1, verified.size - 1))
    if verified.size < 2:
        raise NotVerifiedError("holding classes out needs verified labels in two classes at least; verify more")
    chosen: list[int] = np.sort(np.random.default_rng(seed).choice(verified, count, replace=False)).tolist()
    return chosen


def _places(rows: IntArray, labelled: LabelledFeatures) -> list[int]:
    """Give where rows lie among those that are fitted."""
    places: list[int] = np.searchsorted(labelled.fit_rows(), rows).tolist()
    return places


def _sample_rows(workspace: Workspace, labelled: LabelledFeatures, classes: list[int]) -> IntArray:
    """Give the most suspicious unchecked samples of the held-out classes, those that the report shows."""
    scores = read_scores(workspace.scores(str(detection_of(workspace)["chosen"]))).scores
    rows = np.flatnonzero(
        (labelled.verification_labels < 0) & np.isin(labelled.given_labels, classes) & ~labelled.is_evaluation
    )
    return rows[np.argsort(scores.label_quality[rows], kind="stable")][: workspace.settings.report.num_suspicious]


def _keep(workspace: Workspace, report: HeldOutReport, labelled: LabelledFeatures) -> None:
    kept = {
        "held_out": [labelled.class_names[i] for i in report.held_out],
        "rows": {row.name: dataclasses.asdict(row) for row in report.rows},
        "samples": [dataclasses.asdict(sample) | {"key": labelled.keys[sample.row]} for sample in report.samples],
    }
    with atomic_open(workspace.held_out) as file:
        json.dump(kept, file, indent=2, ensure_ascii=False)
