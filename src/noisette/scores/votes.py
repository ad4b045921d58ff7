"""What the neighbours of a sample say about its label: how many of them carry the label that is asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from noisette.types import NOT_KNOWN, IntArray

VoteArray = npt.NDArray[np.int8]


class Votes(NamedTuple):
    """Votes for B samples, both (B,): neighbours that carry the label asked for, and neighbours that vote at all."""

    votes: VoteArray
    voters: VoteArray


def count_votes(neighbor_labels: IntArray, asked: IntArray) -> Votes:
    """Count the neighbours that carry a label.

    Args:
        neighbor_labels: (B, k) label in force of each neighbour (`decisions.labels_in_force`); -1 = it has no vote.
        asked: (B,) the label that is asked for; -1 (not known) gets no votes.

    Example:
        >>> votes = count_votes(np.array([[2, 2, 0, -1]]), np.array([2]))
        >>> votes.votes.tolist(), votes.voters.tolist()
        ([2], [3])
    """
    has_vote = neighbor_labels != NOT_KNOWN
    agree = has_vote & (neighbor_labels == asked[:, None])
    return Votes(agree.sum(axis=1).astype(np.int8), has_vote.sum(axis=1).astype(np.int8))
