"""`noisette report`: gathers from the workspace what the page shows, and has it written."""

from __future__ import annotations

import dataclasses
import json
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from noisette.functional.detection_metrics import per_class_error
from noisette.pipeline.calibration import cleaning_in, left_out
from noisette.pipeline.confusions_file import CONFUSIONS, read_confusions
from noisette.pipeline.detection_file import detection_of
from noisette.pipeline.duplicates import kept_duplicates
from noisette.pipeline.labelled import LabelledFeatures, load_labelled
from noisette.pipeline.neighbor_votes import votes_of
from noisette.pipeline.provenance import about_step, artifact_hash, input_hashes, is_current, record
from noisette.pipeline.reference_evidence import nearest_references
from noisette.pipeline.report_duplicates import report_duplicates
from noisette.pipeline.report_pictures import picture_bytes
from noisette.pipeline.report_rounds import report_rounds
from noisette.pipeline.rounds_record import read_rounds, rounds_hash
from noisette.pipeline.score_tables import ScoreTable, quality_before_decisions, read_scores
from noisette.pipeline.suspicions import asked_labels, evidence_lines, worst_rows
from noisette.pipeline.workspace import Workspace
from noisette.report import HeldOutPair, ReportData, SuspiciousSample, VerifierResult, write_report
from noisette.scores.noise_rates import estimate_noise_rates
from noisette.scores.weights import summarize_weights
from noisette.types import Float64Array, Progress, silent
from noisette.verifier.saving import load_rules

VERSIONS_SHOWN = ("noisette", "torch", "numpy", "scikit-learn")
NEXT_REASON = (
    "Look at the most suspicious labels first. Bring your answers back with noisette labels import, and run again. "
    "When you trust what you see, export it."
)


def make_report(workspace: Workspace, progress: Progress = silent) -> Path:
    """Write the report of a workspace where it is missing or stale; give its path.

    Raises:
        WorkspaceError: `detect` has not been run.
    """
    detection = detection_of(workspace)
    about = about_report(workspace)
    if not is_current(workspace.report, about):
        progress("report", 0, 1)
        write_report(workspace.report, _gather(workspace, detection))
        record(workspace.report, about)
        progress("report", 1, 1)
    return workspace.report


def about_report(workspace: Workspace) -> dict[str, Any]:
    """Describe what makes the report."""
    inputs = input_hashes(workspace) | {"detection": artifact_hash(workspace.detection)}
    if workspace.held_out.exists():
        inputs["held_out"] = artifact_hash(workspace.held_out)
    confusions = _confusions(workspace)
    if confusions is not None:
        inputs["confusions"] = artifact_hash(confusions.parent)
    rounds = read_rounds(workspace)
    if rounds:
        inputs["rounds"] = rounds_hash(rounds)
    settings = {"title": workspace.settings.project.title} | dataclasses.asdict(workspace.settings.report)
    return about_step("report", settings, inputs)


def _confusions(workspace: Workspace) -> Path | None:
    """The read-outs of a classifier with a heteroscedastic head; of several, those of the first by name."""
    return next(iter(sorted(workspace.model("").glob(f"*/{CONFUSIONS}"))), None)


def _gather(workspace: Workspace, detection: dict[str, Any]) -> ReportData:
    labelled = load_labelled(workspace)
    labelled = kept_duplicates(workspace, labelled) or labelled
    chosen = str(detection["chosen"])
    table = read_scores(workspace.scores(chosen))
    cleaning = cleaning_in(detection)
    threshold = load_rules(workspace.verifier(chosen)).threshold if cleaning is None else cleaning.threshold
    verified = labelled.verification_labels
    weights = labelled.label_weights(np.ones(verified.size, dtype=np.bool_))
    held_out, confusions = _held_out(workspace), _confusions(workspace)
    return ReportData(
        title=workspace.settings.project.title,
        class_names=labelled.class_names,
        label_scores=table.scores,
        verification_labels=verified,
        model_quality=quality_before_decisions(table),
        verification_weights=weights,
        left_out=left_out(workspace, chosen),
        cleaning=cleaning,
        noise_rates=estimate_noise_rates(
            table.scores.given_label,
            table.verifier_quality,
            verified,
            len(labelled.class_names),
            sample_weight=weights,
        ),
        weights=summarize_weights(table.scores.sample_weight, table.scores.given_label, len(labelled.class_names)),
        num_drawn=int(np.isfinite(labelled.inclusion_probabilities[verified >= 0]).sum()),
        per_class_error=_per_class_error(table, labelled, threshold, weights),
        threshold=threshold,
        score_name=table.score_name,
        evaluation=[_result(workspace, row, labelled, chosen, held_out) for row in detection["measured"]],
        samples=_suspicious(workspace, table, labelled, held_out),
        duplicates=None if labelled.duplicate_group is None else report_duplicates(workspace, labelled),
        rounds=report_rounds(workspace),
        confusions=None if confusions is None else read_confusions(confusions),
        settings=_flat_settings(workspace, detection),
        versions={name: version(name) for name in VERSIONS_SHOWN},
        notes=detection["notes"],
        next_step=workspace.export_command,
        next_reason=NEXT_REASON,
    )


def _per_class_error(
    table: ScoreTable, labelled: LabelledFeatures, threshold: float | None, weights: Float64Array | None
) -> np.ndarray | None:
    rows = np.flatnonzero(labelled.verification_labels >= 0)
    if rows.size == 0 or threshold is None:
        return None
    verdict = table.scores.score[rows] >= threshold
    given = labelled.given_labels[rows]
    return per_class_error(
        verdict,
        labelled.verification_labels[rows],
        given,
        num_classes=len(labelled.class_names),
        sample_weight=None if weights is None else weights[rows],
    )


def _result(
    workspace: Workspace, row: dict[str, Any], labelled: LabelledFeatures, chosen: str, held_out: dict[str, Any]
) -> VerifierResult:
    rows = np.flatnonzero((labelled.verification_labels >= 0) & ~labelled.is_evaluation)
    outside = held_out.get("rows", {}).get(row["name"], {})
    return VerifierResult(
        name=row["name"],
        average_error_inside=row["average_error"],
        average_error_held_out=outside["outside"]["average_error"] if outside else float("nan"),
        micro_error=row["error"],
        auroc=row["auroc"],
        average_precision=row["average_precision"],
        threshold=float("nan") if row["threshold"] is None else row["threshold"],
        error_reduced=outside["error_reduced"] / 100 if outside else float("nan"),
        chosen=row["name"] == chosen,
        scores=read_scores(workspace.scores(row["name"])).scores.score[rows],
        verification_labels=labelled.verification_labels[rows],
    )


def _suspicious(
    workspace: Workspace, table: ScoreTable, labelled: LabelledFeatures, held_out: dict[str, Any]
) -> list[SuspiciousSample]:
    """Give the labels with the lowest quality (else score) among those that nobody has checked."""
    scores = table.scores
    worst = worst_rows(scores, labelled.verification_labels, workspace.settings.report.num_suspicious)
    evidence = [""] * worst.size
    if labelled.duplicate_group is not None:  # neighbours are kept with the groups
        votes = votes_of(workspace, labelled, worst, asked_labels(scores, worst))
        nearest = nearest_references(workspace, labelled, worst)
        evidence = evidence_lines(votes, nearest, labelled.class_names, scores, worst)
    held_out_pairs = {
        sample["key"]: HeldOutPair(sample["name"], sample["all_verified"], sample["class_held_out"])
        for sample in held_out.get("samples", ())
    }
    return [
        SuspiciousSample(
            key=table.keys[i],
            given_label=int(scores.given_label[i]),
            suggested_label=int(scores.suggested_label[i]),
            label_quality=float(scores.label_quality[i]),
            suggested_probability=float(scores.suggested_probability[i]),
            score=float(scores.score[i]),
            evidence=words,
            held_out=held_out_pairs.get(table.keys[i]),
            image=picture_bytes(workspace, labelled.uris[i]),
        )
        for i, words in zip(worst.tolist(), evidence, strict=True)
    ]


def _flat_settings(workspace: Workspace, detection: dict[str, Any]) -> dict[str, object]:
    """Give every setting but where files and decisions are; those of detection as when it ran, not as they are now."""
    sections = workspace.settings.to_json() | detection.get("settings", {})
    del sections["store"]
    for section in ("images", "embed"):
        if not workspace.has_images:
            del sections[section]
    found = {f"{section}.{name}": value for section, values in sections.items() for name, value in values.items()}
    return {name: _without_folder(name, value) for name, value in found.items() if name != "images.root"}


def _without_folder(name: str, value: object) -> object:
    """Leave of a path its last part: a page is to be the same wherever the files lie."""
    return PurePath(str(value)).name if name in ("embed.backbone", "embed.weights") else value


def _held_out(workspace: Workspace) -> dict[str, Any]:
    if not workspace.held_out.exists():
        return {}
    found: dict[str, Any] = json.loads(workspace.held_out.read_text(encoding="utf-8"))
    return found
