"""What the chosen verifier says of every sample, aligned to the samples, as the review page needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from noisette.errors import NoisetteError
from noisette.pipeline.detection_file import detection_of
from noisette.pipeline.neighbor_votes import vote_words
from noisette.pipeline.review_samples import Int32Array, ReviewSamples
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.workspace import Workspace
from noisette.types import NOT_KNOWN, BoolArray, Float32Array

Int8Array = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class ReviewScores:
    """N samples; NaN and -1 where the model says nothing.

    Attributes:
        quality: (N,) P(given label is correct) as the model has it, decisions not applied.
        rank: (N,) what labels are sorted by, low = suspicious: the quality, or the score where there is none.
        is_flagged: (N,) taken to be wrong.
        suggested: (N,) class that fits best, -2 none of the classes, -1 nothing (or a person has said it).
        probability: (N,) of that suggestion.
        votes, voters: (N,) neighbours that carry the suggested class, and that have a vote.
        average_error: of the chosen verifier on verified labels that it had not seen; None = not measured.
    """

    quality: Float32Array
    rank: Float32Array
    is_flagged: BoolArray
    suggested: Int32Array
    probability: Float32Array
    votes: Int8Array
    voters: Int8Array
    average_error: float | None

    @property
    def has_suggestions(self) -> bool:
        """True if any class is suggested."""
        return bool((self.suggested != NOT_KNOWN).any())

    def said(self, row: int) -> tuple[float | None, int | None]:
        """Give the quality and the suggestion for a sample, None where there is none."""
        quality, suggested = float(self.quality[row]), int(self.suggested[row])
        return (None if np.isnan(quality) else quality), (None if suggested == NOT_KNOWN else suggested)

    def suggestion(self, row: int, class_names: tuple[str, ...]) -> dict[str, Any]:
        """Give what the page shows on demand."""
        quality, suggested = self.said(row)
        chance = float(self.probability[row])
        evidence = ""
        if suggested is not None and suggested >= 0 and self.voters[row] >= 0:
            evidence = vote_words(int(self.votes[row]), int(self.voters[row]), class_names[suggested])
        return {
            "suggested_label": suggested,
            "probability": None if suggested is None or np.isnan(chance) else chance,
            "label_quality": quality,
            "evidence": evidence,
        }


def load_review_scores(workspace: Workspace, samples: ReviewSamples) -> ReviewScores | None:
    """Read the scores of the chosen verifier; None before the first `detect`, or where its files cannot be read."""
    try:
        detection = detection_of(workspace)
        table = read_scores(workspace.scores(str(detection["chosen"])))
    except NoisetteError:
        return None
    rows = samples.rows_for(table.splits, table.keys)
    kept, places = np.flatnonzero(rows >= 0), rows[rows >= 0]
    scores, quality = table.scores, table.verifier_quality

    def column(values: npt.NDArray[Any], empty: float, kind: type[np.generic]) -> npt.NDArray[Any]:
        found = np.full(len(samples), empty, dtype=kind)
        found[places] = values[kept]
        return found

    # Where a person has decided, the table carries the decision: no word of the model.
    decided = (scores.label_quality != quality) & ~(np.isnan(scores.label_quality) & np.isnan(quality))
    nothing = np.full(quality.size, -1)
    measured = [row for row in detection.get("measured", ()) if row["name"] == detection["chosen"]]
    return ReviewScores(
        column(quality, np.nan, np.float32),
        column(scores.score if np.isnan(quality).all() else quality, np.nan, np.float32),
        column(scores.is_label_issue, False, np.bool_),
        column(np.where(decided, NOT_KNOWN, scores.suggested_label), NOT_KNOWN, np.int32),
        column(scores.suggested_probability, np.nan, np.float32),
        column(nothing if table.suggested_votes is None else table.suggested_votes, -1, np.int8),
        column(nothing if table.num_votes is None else table.num_votes, -1, np.int8),
        float(measured[0]["average_error"]) if measured else None,
    )
