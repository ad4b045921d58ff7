"""What the families of evidence share about a batch: class probabilities and nearest neighbours, each found once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from noisette.errors import InvalidInputError
from noisette.neighbors import NeighborIndex, Neighbors
from noisette.types import BoolArray, Float32Array, Float64Array, IntArray
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.baselines.linear_models import linear_probabilities
from noisette.verifier.inputs import Query
from noisette.verifier.scorer import Arrays

NUM_NEIGHBORS = 200
LEAST_PROBABILITY = 1e-12
MAX_NUMBERS = 1 << 22
"""Numbers of a (B, K) array of a batch."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B samples as the families of evidence see them.

    Attributes:
        query: features and given labels as they came.
        is_finite: (B,) False for rows with NaN or infinity, which stand in as zeros.
        unit: (B, D) rows of length 1.
        neighbors: the 200 nearest rows of the bank, never the sample itself nor a copy.
    """

    query: Query
    is_finite: BoolArray
    features: Float32Array
    unit: Float32Array
    neighbors: Neighbors

    @property
    def rows(self) -> IntArray:
        """0..B-1, to index (B, K) arrays with the given labels."""
        return np.arange(self.query.given_labels.size)


def make_batch(query: Query, index: NeighborIndex) -> Batch:
    """Look up the neighbours of a batch."""
    is_finite: BoolArray = np.asarray(np.isfinite(query.features).all(axis=1), dtype=np.bool_)
    features = np.where(is_finite[:, None], query.features, np.float32(0))
    found = index.search(features, NUM_NEIGHBORS, exclude=query.hashes)
    return Batch(query, is_finite, features, unit_rows(features), found)


def make_batches(query: Query, index: NeighborIndex, num_classes: int) -> Iterator[Batch]:
    """Cut a query into batches of which (B, K) numbers take 32 MB at most; a query of no rows gives one empty batch."""
    size, num_rows = max(64, MAX_NUMBERS // num_classes), query.given_labels.size
    for first in range(0, max(1, num_rows), size):
        yield make_batch(query.where(np.arange(first, min(first + size, num_rows))), index)


def log_probabilities(batch: Batch, models: Arrays) -> Float64Array:
    """Give (B, K) log class probabilities: the user's, or those of the cross-fitted classifier; at least log 1e-12.

    Raises:
        InvalidInputError: the verifier was fitted with the user's probabilities, and these rows have none, or without
            any, and these rows have some.
    """
    probs = batch.query.pred_probs
    if probs is not None and "weights" in models:
        raise InvalidInputError(
            "`pred_probs` must be left out: this EvidenceVerifier was fitted without; fit it with those of its rows to "
            "score by probabilities of yours"
        )
    if probs is None and "weights" not in models:
        raise InvalidInputError(
            "`pred_probs` is needed: this EvidenceVerifier was fitted with `pred_probs`; pass those of these rows "
            "too, or fit it without"
        )
    if probs is None:
        probs = linear_probabilities(batch.features, batch.query.hashes, models)
    logs: Float64Array = np.log(np.maximum(probs, LEAST_PROBABILITY))
    return logs
