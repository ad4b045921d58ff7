"""What a verifier says of every label, as the table `scores/<name>.parquet`: written, and read back as one record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisette.errors import NotVerifiedError
from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.neighbor_votes import votes_of_all
from noisette.pipeline.workspace import Workspace
from noisette.scores.decisions import label_scores
from noisette.scores.goals import flag_labels, parse_goal
from noisette.scores.relabel import none_probability
from noisette.store import read_table, write_table
from noisette.types import Float64Array, IntArray, LabelScores

if TYPE_CHECKING:  # else reading scores would import torch
    from noisette.verifier.base import Verifier

_COLUMNS = (
    "label_quality",
    "is_label_issue",
    "suggested_label",
    "suggested_probability",
    "none_probability",
    "sample_weight",
)


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """A score table in memory.

    Attributes:
        keys, splits: identity of each row.
        scores: everything about each label, human decisions applied.
        verifier_quality: (N,) label quality before the decisions; NaN where the verifier has none.
        score_name: "similarity" for CleanNet, else "score".
        suggested_votes: (N,) how many of the ten nearest neighbours carry the suggested label; None = not counted.
        num_votes: (N,) how many of them have a vote.
    """

    keys: list[str]
    splits: list[str]
    scores: LabelScores
    verifier_quality: Float64Array
    score_name: str
    suggested_votes: IntArray | None = None
    num_votes: IntArray | None = None


def write_scores(path: Path, verifier: Verifier, labelled: LabelledFeatures, workspace: Workspace) -> None:
    """Score every label in batches, apply the decisions, ask the neighbours, and write the table."""
    settings = workspace.settings.detect
    score, suggested, chance = _scores(verifier, labelled)
    quality: Float64Array | None = None
    weight: Float64Array | None = None
    try:
        quality = verifier.quality_of_scores(score)
        weight = np.maximum(verifier.weight_of_scores(score, "hard" if settings.weights == "hard" else "soft"), 0)
    except NotVerifiedError:
        pass  # a ranking is all there is without verification labels
    goal, truth = parse_goal(settings.goal), labelled.verification_labels
    flagged = flag_labels(goal, score, quality, truth, verifier.rules.threshold)
    decided = label_scores(
        labelled.given_labels,
        scores=score,
        verification_labels=truth,
        correct_labels=labelled.correct_labels,
        label_quality=quality,
        verdict=~flagged.rows,
        suggested=suggested,
        suggested_probability=chance,
        none_probability=None if quality is None else _none_probability(verifier, quality),
        sample_weight=None if weight is None else np.maximum(weight, settings.weight_floor),
    )
    columns: dict[str, np.ndarray | list[str]] = {
        "split": labelled.splits,
        "key": labelled.keys,
        "given_label": labelled.given_labels.astype(np.int32),
        score_name(verifier): decided.score,
    }
    columns |= {name: getattr(decided, name) for name in _COLUMNS}
    columns["suggested_label"] = decided.suggested_label.astype(np.int32)
    votes = votes_of_all(workspace, labelled, decided.suggested_label)
    columns |= {"suggested_votes": votes.votes, "num_votes": votes.voters}
    columns["verifier_quality"] = np.full(score.size, np.nan) if quality is None else quality
    write_table(path, columns, {"verifier": verifier.name})


def score_name(verifier: Verifier) -> str:
    """Give the name of the score column: CleanNet's score is a cosine similarity."""
    return "similarity" if verifier.name == "cleannet" else "score"


def read_scores(path: Path) -> ScoreTable:
    """Read a score table; what a table of an older version lacks is NaN or None.

    Raises:
        DataFileError: the file cannot be read.
    """
    columns = read_table(path)
    name = "similarity" if "similarity" in columns else "score"
    quality = np.asarray(columns["verifier_quality"], dtype=np.float64)
    scores = LabelScores(
        given_label=np.asarray(columns["given_label"], dtype=np.int64),
        score=np.asarray(columns[name], dtype=np.float64),
        label_quality=np.asarray(columns["label_quality"], dtype=np.float64),
        is_label_issue=np.asarray(columns["is_label_issue"], dtype=np.bool_),
        suggested_label=np.asarray(columns["suggested_label"], dtype=np.int64),
        suggested_probability=np.asarray(columns["suggested_probability"], dtype=np.float64),
        none_probability=np.asarray(columns.get("none_probability", np.full(quality.size, np.nan)), dtype=np.float64),
        sample_weight=np.asarray(columns["sample_weight"], dtype=np.float64),
    )
    votes, voters = (
        np.asarray(columns[column], dtype=np.int64) if column in columns else None
        for column in ("suggested_votes", "num_votes")
    )
    return ScoreTable(list(columns["key"]), list(columns["split"]), scores, quality, name, votes, voters)


def quality_before_decisions(table: ScoreTable) -> Float64Array | None:
    """Give (N,) P(correct) as the verifier has it, out of fold on verified rows; None where it has none."""
    return None if np.isnan(table.verifier_quality).all() else table.verifier_quality


def _scores(
    verifier: Verifier, labelled: LabelledFeatures
) -> tuple[Float64Array, IntArray | None, Float64Array | None]:
    """Score all rows in one pass; suggestions only where the verifier has probabilities."""
    try:
        verifier.quality_of_scores(np.empty(0))
    except NotVerifiedError:
        return verifier.score_samples(labelled.table, labelled.given_labels), None, None
    parts = list(verifier.iter_scores(labelled.table, labelled.given_labels))
    score, suggested, chance = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return score, suggested, chance


def _none_probability(verifier: Verifier, quality: Float64Array) -> Float64Array:
    is_only_class = np.count_nonzero(verifier.class_counts) < 2
    return none_probability(quality, verifier.rules.relabel, can_change=not is_only_class)
