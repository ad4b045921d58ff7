"""The most suspicious labels that nobody has checked, with what speaks for another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.pipeline.labelled import load_labelled
from noisette.pipeline.neighbor_votes import vote_words, votes_of
from noisette.pipeline.reference_evidence import nearest_references, reference_words
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.workspace import Workspace
from noisette.scores.votes import Votes
from noisette.types import NONE_OF_THE_CLASSES, UNVERIFIED, IntArray, LabelScores


@dataclass(frozen=True)
class Suspicion:
    """One label that looks wrong.

    Attributes:
        key, split: identity of the sample.
        given_label: name of its class.
        suggested_label: name of the class that fits best (perhaps the given one), "none of the classes", or "" where
            nothing is suggested.
        suggested_probability, none_probability, label_quality: of that suggestion, of none of the classes, and of the
            given label; None = the verifier has no probabilities.
        votes: neighbours that carry the suggested label (the given one where no class is suggested).
        voters: neighbours that have a vote.
        evidence: the votes in words, and the class of the nearest reference.
    """

    key: str
    split: str
    given_label: str
    suggested_label: str
    suggested_probability: float | None
    none_probability: float | None
    label_quality: float | None
    votes: int
    voters: int
    evidence: str


def most_suspicious(workspace: Workspace, verifier: str, count: int) -> tuple[Suspicion, ...]:
    """Give the `count` labels that `verifier` finds most suspicious among those nobody has checked, worst first.

    Args:
        workspace: the workspace, after `detect`.
        verifier: whose scores.
        count: how many.
    """
    labelled = load_labelled(workspace)
    table = read_scores(workspace.scores(verifier))
    rows = worst_rows(table.scores, labelled.verification_labels, count)
    scores = table.scores
    found = votes_of(workspace, labelled, rows, asked_labels(scores, rows))
    nearest = nearest_references(workspace, labelled, rows)
    evidence = evidence_lines(found, nearest, labelled.class_names, scores, rows)
    return tuple(
        Suspicion(
            table.keys[row],
            table.splits[row],
            labelled.class_names[scores.given_label[row]],
            label_name(int(scores.suggested_label[row]), labelled.class_names),
            _number(scores.suggested_probability[row]),
            _number(scores.none_probability[row]),
            _number(scores.label_quality[row]),
            int(found.votes[place]),
            int(found.voters[place]),
            evidence[place],
        )
        for place, row in enumerate(rows.tolist())
    )


def worst_rows(scores: LabelScores, verification_labels: IntArray, count: int) -> IntArray:
    """Give the rows with the lowest quality (else score) among those that nobody has checked, worst first."""
    ranking = scores.score if np.isnan(scores.label_quality).all() else scores.label_quality
    unchecked = np.flatnonzero(verification_labels == UNVERIFIED)
    rows: IntArray = unchecked[np.argsort(ranking[unchecked], kind="stable")][:count]
    return rows


def asked_labels(scores: LabelScores, rows: IntArray) -> IntArray:
    """Give the class that neighbours are asked about: the suggested one, else the given one."""
    suggested: IntArray = scores.suggested_label[rows]
    return np.where(suggested >= 0, suggested, scores.given_label[rows])


def evidence_lines(
    found: Votes, nearest: IntArray, class_names: tuple[str, ...], scores: LabelScores, rows: IntArray
) -> list[str]:
    """Say of each row how many neighbours carry the label that they were asked about, and what the references say.

    Args:
        found: votes on the `asked_labels` of the rows.
        nearest: from `nearest_references`.
        class_names: names of the K classes.
        scores: scores of all labels.
        rows: numbers of the rows.
    """
    asked = asked_labels(scores, rows)
    lines = []
    for i, row in enumerate(rows.tolist()):
        votes = vote_words(int(found.votes[i]), int(found.voters[i]), class_names[asked[i]])
        votes += ", as given" * bool(asked[i] == scores.given_label[row])
        more = reference_words(int(nearest[i]), int(asked[i]), class_names)
        lines.append("; ".join(part for part in (votes, more) if part))
    return lines


def label_name(label: int, class_names: tuple[str, ...]) -> str:
    """Give the name of a class id, words for "none of the classes", "" where none is known."""
    if label >= 0:
        return class_names[label]
    return "none of the classes" if label == NONE_OF_THE_CLASSES else ""


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
