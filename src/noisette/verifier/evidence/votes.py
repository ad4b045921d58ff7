"""Evidence of the neighbours: which share of the nearest 10, 50 and 200 belong to the class?

A neighbour votes for the classes by the probability that each is its right one, not by its given label.
"""

from __future__ import annotations

import numpy as np

from noisette.neighbors import Neighbors
from noisette.types import Float64Array, FloatArray
from noisette.verifier.baselines.filtering import log_ratios

SCALES = (10, 50, 200)
"""Numbers of neighbours whose votes are counted."""
MAX_NUMBERS = 1 << 23  # votes in a block


def vote_shares(neighbors: Neighbors, right: FloatArray, scales: tuple[int, ...] = SCALES) -> list[Float64Array]:
    """Give each class's share of the votes, (B, K) for each number of neighbours.

    Args:
        neighbors: (B, R) neighbours, nearest first, R at least the largest scale; -1 = there are no more.
        right: (M, K) P(right class) of each row of the bank.
        scales: numbers of neighbours, ascending.
    """
    num_rows = len(neighbors.rows)
    shares = [np.zeros((num_rows, right.shape[1])) for _ in scales]
    block = max(1, MAX_NUMBERS // (scales[-1] * right.shape[1]))
    for first in range(0, num_rows, block):
        rows = neighbors.rows[first : first + block]
        votes = np.where((rows >= 0)[:, :, None], right[rows].astype(np.float32), np.float32(0))
        done, before = 0, np.zeros(votes.shape[::2])
        for scale, share in zip(scales, shares, strict=True):
            before = before + votes[:, done:scale].sum(axis=1)
            share[first : first + block] = before / scale
            done = scale
    return shares


def vote_evidence(shares: list[Float64Array]) -> list[Float64Array]:
    """Give, for each scale, the log-ratio of each class's votes to those of its best rival, and its share: (B, K)."""
    kinds = []
    for scale, share in zip(SCALES, shares, strict=True):
        kinds += [log_ratios(share + 0.5 / scale), share]
    return kinds
