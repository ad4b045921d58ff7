"""Evidence of the neighbours: which share of the votes of the nearest 10, 50 and 200 does the class have?

A neighbour votes for the classes by the probability that each is its right one, not by its given label. That of rank r
has 1 / r of a vote: near ones know more, whatever the distances are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from noisette.neighbors import Neighbors
from noisette.types import Float32Array, Float64Array, FloatArray, IntArray
from noisette.verifier.baselines.filtering import log_ratios

SCALES = (10, 50, 200)
"""Numbers of neighbours whose votes are counted."""
_WEIGHTS = 1.0 / np.arange(1, SCALES[-1] + 1, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Ballot:
    """Who votes for a batch of samples: the (U, K) P(right class) of its neighbours, and where each is among them."""

    right: Float32Array
    places: IntArray

    @classmethod
    def of(cls, neighbors: Neighbors, right: FloatArray) -> Ballot:
        """Look up the (B, R) neighbours in `right`, (M, K) of each row of the bank; -1 = there are no more."""
        is_used = np.zeros(len(right), dtype=np.bool_)
        is_used[neighbors.rows[neighbors.rows >= 0]] = True
        places = np.where(neighbors.rows >= 0, (np.cumsum(is_used) - 1)[neighbors.rows], -1)
        return cls(right[is_used].astype(np.float32), places)

    def weighted(self, weights: Float32Array, first: int, last: int) -> Float64Array:
        """Sum the votes of neighbours first to last - 1, each times its weight; (B, K).

        Args:
            weights: (last - first,) or (B, last - first).
            first: rank from which on neighbours are counted, from 0.
            last: rank before which they are.
        """
        places = self.places[:, first:last]
        is_there = places >= 0
        stops = np.append(0, np.cumsum(is_there.sum(axis=1)))
        values = np.broadcast_to(weights, places.shape)[is_there]
        shape = (len(places), len(self.right))
        sums: Float64Array = (csr_array((values, places[is_there], stops), shape=shape) @ self.right).astype(np.float64)
        return sums


def vote_shares(ballot: Ballot) -> list[Float64Array]:
    """Give each class's share of the votes, (B, K) for each of `SCALES`."""
    shares, done = [], 0
    votes: Float64Array | float = 0.0
    for scale in SCALES:
        votes = votes + ballot.weighted(_WEIGHTS[done:scale], done, scale)
        shares.append(votes / _WEIGHTS[:scale].sum())
        done = scale
    return shares


def vote_evidence(shares: list[Float64Array]) -> list[Float64Array]:
    """Give, for each scale, the log-ratio of each class's votes to those of its best rival, and its share: (B, K)."""
    kinds = []
    for scale, share in zip(SCALES, shares, strict=True):
        weights = _WEIGHTS[:scale]
        num_votes = float(weights.sum() ** 2 / (weights**2).sum())  # whole votes that would say as much (Kish)
        kinds += [log_ratios(share + 0.5 / num_votes), share]
    return kinds
