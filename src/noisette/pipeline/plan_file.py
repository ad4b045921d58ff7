"""The file of a plan: labels to check with empty columns for the answers, and whether it holds answers already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from noisette.data import read_label_file, write_label_file
from noisette.errors import DataFileError, InvalidInputError
from noisette.pipeline.exporting.table import SUFFIXES, check_own_export
from noisette.pipeline.score_tables import ScoreTable
from noisette.pipeline.workspace import Workspace
from noisette.planning import Proposal
from noisette.types import NONE_OF_THE_CLASSES, NOT_KNOWN, UNVERIFIED, BadRows

AUDIT, CHOSEN = "audit", "plan"
"""Queues: drawn uniformly at random, and chosen."""


def write_plan(path: Path, table: ScoreTable, found: Proposal, class_names: tuple[str, ...]) -> None:
    """Write the proposed rows of a score table; `noisette labels import` reads the file once it is filled in."""
    special = {NONE_OF_THE_CLASSES: "none of the classes", NOT_KNOWN: ""}
    rows, scores = found.rows, table.scores
    quality, suggested = table.verifier_quality[rows], scores.suggested_label[rows]
    write_label_file(
        path,
        {
            "key": [table.keys[i] for i in rows],
            "split": [table.splits[i] for i in rows],
            "given_label": [class_names[label] for label in scores.given_label[rows]],
            "queue": np.where(found.is_audit, AUDIT, CHOSEN),
            "inclusion_probability": found.inclusion_probability,
            "label_quality": pa.array(quality, pa.float64(), from_pandas=True),  # NaN becomes an empty cell
            "suggested_label": [special.get(label) or ("" if label < 0 else class_names[label]) for label in suggested],
            "verification_label": pa.nulls(rows.size, pa.int64()),
            "correct_label": pa.nulls(rows.size, pa.string()),
        },
    )


def check_no_answers_are_lost(workspace: Workspace, path: Path) -> None:
    """Refuse to write over a file with answers that are not in the review store, or over somebody's other file.

    Raises:
        InvalidInputError: the file is such a one, or its name ends otherwise.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidInputError(f"the file must end in {', '.join(SUFFIXES)}, got {path.name!r}")
    check_own_export(path)
    if not path.exists():
        return
    waiting = _answers_not_imported(workspace, path)
    if waiting:
        raise InvalidInputError(
            f"{path} holds {waiting} answers that are not imported, and would be overwritten; import them with "
            f"`noisette labels import {path}`, or name another file with --output"
        )


def _answers_not_imported(workspace: Workspace, path: Path) -> int:
    bad = BadRows(on_error="skip", max_bad=1.0)
    try:
        labels = read_label_file(path, bad, workspace.class_names())
    except DataFileError as error:
        raise InvalidInputError(f"{path} is there already and is no plan; choose another name ({error})") from error
    if labels.keys is None or labels.splits is None or labels.verification_labels is None:
        raise InvalidInputError(f"{path} is there already and is no plan; choose another name")
    correct = np.full(len(labels), NOT_KNOWN) if labels.correct_labels is None else labels.correct_labels
    with workspace.reviews() as store:
        latest = store.latest()
    waiting = bad.num_bad  # what cannot be read may well be an answer
    for row in np.flatnonzero((labels.verification_labels != UNVERIFIED) | (correct != NOT_KNOWN)):
        known = latest.get((labels.splits[row], labels.keys[row]))
        verdict = labels.verification_labels[row]
        waiting += (
            known is None
            or verdict not in (UNVERIFIED, known.verification_label)
            or correct[row] not in (NOT_KNOWN, known.correct_label)
        )
    return waiting
