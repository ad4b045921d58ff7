"""Evidence of the density within the class: how near are the class's own samples, of all that are near?

Two samples with the same share of votes differ where one has its classmates at arm's length.
"""

from __future__ import annotations

import numpy as np

from noisette.neighbors import Neighbors
from noisette.types import Float64Array
from noisette.verifier.evidence.votes import Ballot

NUM_NEIGHBORS = 50
IMAGINED = 1.0  # votes of imagined classmates at the distance of the farthest neighbour


def density_evidence(neighbors: Neighbors, ballot: Ballot) -> list[Float64Array]:
    """Give each class's density at each sample, one (B, K) array >= 0.

    The mean, over the 50 nearest neighbours weighted by P(the class is their right one), of how much more similar they
    are than the farthest of the neighbours found; 0 where no classmate is near.
    """
    similarities = neighbors.similarities
    known = np.where(neighbors.rows >= 0, similarities, np.inf)
    farthest = np.where(np.isfinite(known), known, np.inf).min(axis=1, keepdims=True)
    gains = np.where(neighbors.rows >= 0, similarities - np.where(np.isfinite(farthest), farthest, 0), 0)
    near = ballot.weighted(gains[:, :NUM_NEIGHBORS].astype(np.float32), 0, NUM_NEIGHBORS)
    return [near / (ballot.weighted(np.ones(NUM_NEIGHBORS, dtype=np.float32), 0, NUM_NEIGHBORS) + IMAGINED)]
