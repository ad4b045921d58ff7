"""What the nearest neighbours of a sample say about its label, counted from the workspace's table of neighbours."""

from __future__ import annotations

import numpy as np

from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.workspace import Workspace
from noisette.scores.decisions import labels_in_force
from noisette.scores.votes import Votes, count_votes
from noisette.store import NeighborTable
from noisette.types import NOT_KNOWN, IntArray

_BLOCK = 65536


def votes_of_all(workspace: Workspace, labelled: LabelledFeatures, asked: IntArray) -> Votes:
    """Count, for every row, the neighbours that carry the label asked for, (N,) both; see `voting_labels`."""
    labels = voting_labels(labelled)
    votes = np.zeros(asked.size, dtype=np.int8)
    voters = np.zeros(asked.size, dtype=np.int8)
    start = 0
    for block in NeighborTable(workspace.neighbors).iter_batches(_BLOCK):
        part = slice(start, start + len(block.neighbors))
        votes[part], voters[part] = count_votes(labels[block.neighbors], asked[part])
        start = part.stop
    return Votes(votes, voters)


def votes_of(workspace: Workspace, labelled: LabelledFeatures, rows: IntArray, asked: IntArray) -> Votes:
    """Count the same for some rows only."""
    block = NeighborTable(workspace.neighbors).take(rows)
    return count_votes(voting_labels(labelled)[block.neighbors], asked)


def voting_labels(labelled: LabelledFeatures) -> IntArray:
    """Give the label with which each sample of the workspace votes; the last entry, read for number -1, has no vote.

    Corrected labels vote in place of given ones, and labels known to be wrong do not. Samples kept for evaluation have
    no vote either (and are no neighbours in that table).
    """
    labels = np.full(int(labelled.sample_rows.max(initial=-1)) + 2, NOT_KNOWN, dtype=np.int64)
    rows = labelled.fit_rows()
    known = labels_in_force(labelled.given_labels, labelled.verification_labels, labelled.correct_labels)
    labels[labelled.sample_rows[rows]] = known[rows]
    return labels


def vote_words(votes: int, voters: int, name: str) -> str:
    """Say it: "8 of 10 neighbours are ramen".

    Example:
        >>> vote_words(8, 10, "ramen"), vote_words(1, 10, "pho"), vote_words(0, 0, "pho")
        ('8 of 10 neighbours are ramen', '1 of 10 neighbours is pho', 'no neighbour votes')
    """
    if voters == 0:
        return "no neighbour votes"
    return f"{votes} of {voters} {'neighbour' if voters == 1 else 'neighbours'} {'is' if votes == 1 else 'are'} {name}"
