"""Scores of one fitted evidence verifier: a weighted sum of evidence, with weights a class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noisette.types import Float64Array
from noisette.verifier.evidence.batch import Batch, log_probabilities, make_batches
from noisette.verifier.evidence.class_statistics import class_weights
from noisette.verifier.evidence.classifier import MAX_CHANNEL_RATIO
from noisette.verifier.evidence.context import index_of
from noisette.verifier.evidence.measures import COLUMNS, COPIED, class_evidence, evidence_of_labels
from noisette.verifier.evidence.similarity import Network
from noisette.verifier.inputs import Query
from noisette.verifier.scorer import Arrays, Scorer


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
        return np.concatenate([self._score(batch, *self._kinds(batch)) for batch in self._batches(query)])

    def score_classes(self, query: Query) -> Float64Array:
        """Give (B, K) scores of every class; here the margin stands in for the channel's, K x K numbers a row."""
        return np.concatenate([self._score_classes(batch, self._kinds(batch)[1]) for batch in self._batches(query)])

    def score_both(self, query: Query) -> tuple[Float64Array, Float64Array]:
        """Give `score` and `score_classes`; the evidence is measured once."""
        scores, class_scores = [], []
        for batch in self._batches(query):
            logs, kinds = self._kinds(batch)
            scores.append(self._score(batch, logs, kinds))
            class_scores.append(self._score_classes(batch, kinds))
        return np.concatenate(scores), np.concatenate(class_scores)

    def to_arrays(self) -> Arrays:
        """Give the learner's weights and intercept, and the network."""
        arrays = {} if self.network is None else self.network.to_arrays()
        return arrays | {"weights": self.weights}

    def _batches(self, query: Query) -> Iterator[Batch]:
        return make_batches(query, self.index, self.context["present"].size)

    def _kinds(self, batch: Batch) -> tuple[Float64Array, list[Float64Array]]:
        logs = log_probabilities(batch, self.context)
        return logs, class_evidence(batch, self.context, logs)

    def _score(self, batch: Batch, logs: Float64Array, kinds: list[Float64Array]) -> Float64Array:
        labels = batch.query.given_labels
        evidence = evidence_of_labels(batch, self.context, logs, kinds)
        scores = np.einsum("be,be->b", evidence, self.class_weights[labels]) + self.intercepts[labels]
        if self.network is not None:
            scores += self.network_weight * self.network.scorer.score(batch.query)
        return np.where(batch.is_finite, scores, np.nan)

    def _score_classes(self, batch: Batch, kinds: list[Float64Array]) -> Float64Array:
        stand_in = np.clip(kinds[COLUMNS.index("margin")], -MAX_CHANNEL_RATIO, MAX_CHANNEL_RATIO)
        scores = np.tile(self.intercepts, (batch.rows.size, 1))
        for number, kind in enumerate([*kinds, stand_in]):
            scores += self.class_weights[:, number] * kind
        if self.network is not None:
            scores += self.network_weight * np.maximum(self.network.scorer.score_classes(batch.query), -1.0)
        return np.where(self.context["present"], scores, -np.inf)
