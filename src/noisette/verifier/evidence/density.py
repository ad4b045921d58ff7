"""Evidence of the density within the class: how near are the class's own samples, of all that are near?

Two samples with the same share of votes differ where one has its classmates at arm's length.
"""

from __future__ import annotations

import numpy as np

from noisette.neighbors import Neighbors
from noisette.types import Float64Array, FloatArray
from noisette.verifier.evidence.votes import MAX_NUMBERS

NUM_NEIGHBORS = 50
IMAGINED = 1.0  # votes of imagined classmates at the distance of the farthest neighbour


def density_evidence(neighbors: Neighbors, right: FloatArray) -> list[Float64Array]:
    """Give each class's density at each sample, one (B, K) array >= 0.

    The mean, over the 50 nearest neighbours weighted by P(the class is their right one), of how much more similar they
    are than the farthest of the neighbours found; 0 where no classmate is near.
    """
    similarities = neighbors.similarities
    known = np.where(neighbors.rows >= 0, similarities, np.inf)
    farthest = np.where(np.isfinite(known), known, np.inf).min(axis=1, keepdims=True)
    gains = np.where(neighbors.rows >= 0, similarities - np.where(np.isfinite(farthest), farthest, 0), 0)
    gains = gains[:, :NUM_NEIGHBORS]
    densities = np.zeros((len(gains), right.shape[1]))
    block = max(1, MAX_NUMBERS // (NUM_NEIGHBORS * right.shape[1]))
    for first in range(0, len(gains), block):
        rows = neighbors.rows[first : first + block, :NUM_NEIGHBORS]
        votes = np.where((rows >= 0)[:, :, None], right[rows].astype(np.float32), np.float32(0))
        near = np.einsum("bj,bjk->bk", gains[first : first + block], votes)
        densities[first : first + block] = near / (votes.sum(axis=1) + IMAGINED)
    return [densities]
