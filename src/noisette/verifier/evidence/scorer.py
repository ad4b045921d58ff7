"""Scores of one fitted evidence verifier: a weighted sum of evidence, with weights a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from noisette.types import Float64Array
from noisette.verifier.evidence.batch import Batch, make_batch
from noisette.verifier.evidence.class_statistics import class_weights
from noisette.verifier.evidence.context import index_of
from noisette.verifier.evidence.measures import COPIED, class_evidence, label_evidence
from noisette.verifier.evidence.similarity import Network
from noisette.verifier.inputs import Query
from noisette.verifier.scorer import Arrays, Scorer

MAX_NUMBERS = 1 << 22  # class scores of a block: 32 MB in each kind of evidence


class EvidenceScorer(Scorer):
    """Scores are log-odds of being correct.

    Args:
        context: with a stage chosen.
        weights: of the evidence, of its copies, of the network's similarity where there is one, and the intercept.
        network: a CleanNet, or None.
    """

    def __init__(self, context: Arrays, weights: Float64Array, network: Network | None = None) -> None:
        self.context, self.index, self.weights, self.network = context, index_of(context), weights, network
        self.network_weight = float(weights[-2]) if network is not None else 0.0
        own = weights[:-1] if network is None else weights[:-2]
        self.class_weights, self.intercepts = class_weights(
            own, weights[-1], COPIED, context["class_mean"], context["class_deviation"]
        )

    def score(self, query: Query) -> Float64Array:
        """Give (B,) scores of the given labels; NaN for rows with NaN or infinity."""
        return self._in_blocks(query, self._score)

    def score_classes(self, query: Query) -> Float64Array:
        """Give (B, K) scores of every class; here the margin stands in for the channel's, K x K numbers a row."""
        return self._in_blocks(query, self._score_classes)

    def score_both(self, query: Query) -> tuple[Float64Array, Float64Array]:
        """Give `score` and `score_classes`; the evidence is measured once."""
        parts = [(self._score(batch), self._score_classes(batch)) for batch in self._batches(query)]
        return np.concatenate([one for one, _ in parts]), np.concatenate([each for _, each in parts])

    def to_arrays(self) -> Arrays:
        """Give the learner's weights and intercept, and the network."""
        arrays = {} if self.network is None else self.network.to_arrays()
        return arrays | {"weights": self.weights}

    def _in_blocks(self, query: Query, ask: Callable[[Batch], Float64Array]) -> Float64Array:
        return np.concatenate([ask(batch) for batch in self._batches(query)])

    def _batches(self, query: Query) -> Iterator[Batch]:
        size = max(64, MAX_NUMBERS // self.context["present"].size)
        num_rows = query.given_labels.size
        for first in range(0, max(1, num_rows), size):
            yield make_batch(query.where(np.arange(first, min(first + size, num_rows))), self.index)

    def _score(self, batch: Batch) -> Float64Array:
        labels = batch.query.given_labels
        evidence = label_evidence(batch, self.context)
        scores = np.einsum("be,be->b", evidence, self.class_weights[labels]) + self.intercepts[labels]
        if self.network is not None:
            scores += self.network_weight * self.network.scorer.score(batch.query)
        return np.where(batch.is_finite, scores, np.nan)

    def _score_classes(self, batch: Batch) -> Float64Array:
        kinds = class_evidence(batch, self.context)
        scores = np.tile(self.intercepts, (batch.rows.size, 1))
        for number, kind in enumerate([*kinds, kinds[1]]):
            scores += self.class_weights[:, number] * kind
        if self.network is not None:
            scores += self.network_weight * np.maximum(self.network.scorer.score_classes(batch.query), -1.0)
        return np.where(self.context["present"], scores, -np.inf)
