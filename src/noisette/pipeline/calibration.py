"""How well the probabilities of a verifier hold on labels it had not seen, and what its cleaning would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from noisette.functional.detection_metrics import brier_score, expected_calibration_error
from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.score_tables import ScoreTable, quality_before_decisions, read_scores
from noisette.pipeline.workspace import Workspace
from noisette.scores.cleaning import Cleaning, plan_cleaning
from noisette.scores.goals import parse_goal
from noisette.types import BoolArray, Float64Array
from noisette.verifier.saving import load_rules, plan_kind

LeftOut = Literal["classes", "rows", ""]


@dataclass(frozen=True)
class Calibration:
    """How far predicted probabilities are from observed shares, on verified rows scored out of fold.

    Attributes:
        name: of the verifier.
        calibration_error: expected calibration error over 15 equally wide bins, weighted, in [0, 1]; low is good.
        brier_score: mean squared distance between P(correct) and the verification label, in [0, 1]; low is good.
        left_out: what the scoring models had not seen: "classes" (whole ones), or "rows".
        num_rows: rows measured on.
    """

    name: str
    calibration_error: float
    brier_score: float
    left_out: LeftOut
    num_rows: int


def calibration_of(
    workspace: Workspace, name: str, labelled: LabelledFeatures, rows: BoolArray, weights: Float64Array | None
) -> Calibration | None:
    """Measure the probabilities that `detect` wrote for a verifier; None where there are none.

    Args:
        workspace: the workspace.
        name: of the verifier.
        labelled: its labels and decisions.
        rows: (N,) mask; the verified ones of these are measured on.
        weights: (N,) 1 / inclusion probability; None = all alike.
    """
    quality = quality_before_decisions(read_scores(workspace.scores(name)))
    used = np.flatnonzero(rows & (labelled.verification_labels >= 0))
    if quality is None or used.size == 0:
        return None
    target, part = labelled.verification_labels[used], None if weights is None else weights[used]
    return Calibration(
        name,
        expected_calibration_error(quality[used], target, sample_weight=part),
        brier_score(quality[used], target, sample_weight=part),
        left_out(workspace, name),
        int(used.size),
    )


def left_out(workspace: Workspace, name: str) -> LeftOut:
    """Say what the models that scored verified rows had not seen: whole classes, or rows; "" with nothing verified."""
    kinds: dict[str, LeftOut] = {"classes": "classes", "stratified": "rows"}
    return kinds.get(plan_kind(workspace.verifier(name)), "")


def cleaning_of(workspace: Workspace, name: str, labelled: LabelledFeatures) -> Cleaning:
    """Say what cleaning by the scores of a verifier would do, by the goal in the settings."""
    table: ScoreTable = read_scores(workspace.scores(name))
    return plan_cleaning(
        parse_goal(workspace.settings.detect.goal),
        table.scores.score,
        quality_before_decisions(table),
        table.scores.given_label,
        labelled.verification_labels,
        len(labelled.class_names),
        load_rules(workspace.verifier(name)).threshold,
        labelled.label_weights(np.ones(labelled.verification_labels.size, dtype=np.bool_)),
    )


def cleaning_in(detection: dict[str, Any]) -> Cleaning | None:
    """Read what `detect` wrote of its cleaning; None in what an older version wrote."""
    return Cleaning.from_json(detection["cleaning"]) if "cleaning" in detection else None
