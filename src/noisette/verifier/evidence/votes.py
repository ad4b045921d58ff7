"""Evidence of the neighbours: which share of the votes of the nearest 10, 50 and 200 does the class have?

A neighbour votes for the classes by the probability that each is its right one, not by its given label. That of rank r
has 1 / r of a vote: near ones know more, whatever the distances are.
"""

from __future__ import annotations

import numpy as np

from noisette.neighbors import Neighbors
from noisette.types import Float64Array, FloatArray
from noisette.verifier.baselines.filtering import log_ratios

SCALES = (10, 50, 200)
"""Numbers of neighbours whose votes are counted."""
_WEIGHTS = 1.0 / np.arange(1, SCALES[-1] + 1, dtype=np.float32)
MAX_NUMBERS = 1 << 23  # votes in a block


def vote_shares(neighbors: Neighbors, right: FloatArray) -> list[Float64Array]:
    """Give each class's share of the votes, (B, K) for each of `SCALES`.

    Args:
        neighbors: (B, R) neighbours, nearest first, R at least 200; -1 = there are no more.
        right: (M, K) P(right class) of each row of the bank.
    """
    num_rows = len(neighbors.rows)
    shares = [np.zeros((num_rows, right.shape[1])) for _ in SCALES]
    block = max(1, MAX_NUMBERS // (SCALES[-1] * right.shape[1]))
    for first in range(0, num_rows, block):
        rows = neighbors.rows[first : first + block]
        votes = np.where((rows >= 0)[:, :, None], right[rows].astype(np.float32), np.float32(0))
        done, before = 0, np.zeros(votes.shape[::2])
        for scale, share in zip(SCALES, shares, strict=True):
            before = before + _WEIGHTS[done:scale] @ votes[:, done:scale]
            share[first : first + block] = before / _WEIGHTS[:scale].sum()
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
