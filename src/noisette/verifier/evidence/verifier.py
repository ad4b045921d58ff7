"""The evidence verifier under the contract of all verifiers."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
from scipy.special import expit

from noisette.errors import InvalidInputError
from noisette.neighbors import NeighborIndex, build_index
from noisette.types import ArrayTable, BoolArray, Float32Array, Float64Array, Progress, RandomState, silent
from noisette.verifier.base import Verifier
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.baselines.filtering import log_ratios, margins
from noisette.verifier.baselines.linear_models import folds_of_hashes, linear_probabilities
from noisette.verifier.baselines.row_samples import MAX_NUMBERS, sample_rows
from noisette.verifier.evidence.learner import fit_weights
from noisette.verifier.evidence.noise_channel import channel_ratios, fit_noise_channel, right_classes
from noisette.verifier.folds import row_hashes
from noisette.verifier.inputs import Query, TrainingData, VerifiedPairs, check_finite
from noisette.verifier.scorer import Arrays, Scorer

SCALES = (10, 50, 200)
"""Numbers of neighbours whose votes are counted."""
MAX_VOTES = 1 << 23  # numbers in a block of neighbours' votes
LEAST_LOG = -12.0


@final
class EvidenceVerifier(Verifier):
    """Weighs evidence for each label by what the verified labels teach; scores are log-odds of being correct.

    Evidence means the same in every class: the cross-fitted classifier's probability and its ratio to the best rival,
    the same behind a noise channel, neighbours' votes at three scales, and the cosine to the class's mean. Votes and
    means count each sample by the probability of its right class, not by its given label. The learner is a regularised
    logistic regression with weights >= 0. Without verification labels of both kinds the score is the log-odds of the
    classifier behind its channel; then P(correct) and the threshold 0 rest on that model alone.

    Args:
        penalty: of the learner's squared weights, on evidence of variance 1.
        inverse_penalty: `C` of the classifier, as in `FilteringVerifier`.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.
    """

    name: ClassVar[str] = "evidence"
    needs_verification: ClassVar[bool] = False

    def __init__(
        self,
        *,
        penalty: float = 1.0,
        inverse_penalty: float = 1e-3,
        random_state: RandomState = 0,
        progress: Progress = silent,
    ) -> None:
        super().__init__(random_state=random_state, progress=progress)
        for name, value in (("penalty", penalty), ("inverse_penalty", inverse_penalty)):
            if not value > 0:
                raise InvalidInputError(f"`{name}` must be above 0, got {value}")
        self.penalty, self.inverse_penalty = penalty, inverse_penalty

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as JSON values."""
        return super().settings() | {"penalty": self.penalty, "inverse_penalty": self.inverse_penalty}

    def _prepare(self, data: TrainingData, seed: int) -> Arrays:
        limit = max(data.num_classes, MAX_NUMBERS // max(data.table.num_features, data.num_classes))
        rows = sample_rows(data.given_labels, limit, np.random.default_rng(seed))
        features, labels = data.table.take(rows), data.given_labels[rows]
        check_finite(features, rows)
        probs = data.probs_of(rows)
        if probs is None:
            folds = folds_of_hashes(row_hashes(features))
            context = fit_noise_channel(features, labels, folds, data.num_classes, self.inverse_penalty)
        else:
            right, channel = right_classes(np.log(np.maximum(probs, 1e-12)), labels)
            context = {"channel": channel.astype(np.float32), "right": right.astype(np.float32)}
        index = build_index(ArrayTable(features), center=False, random_state=seed)
        context["right"] = context["right"][index.rows].astype(np.float16)
        context["means"] = unit_rows((context["right"].T.astype(np.float32) @ features[index.rows]).astype(np.float32))
        context["present"] = data.class_counts > 0
        return context | {f"index/{name}": array for name, array in index.to_arrays().items()}

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:  # noqa: ARG002
        if not pairs.has_both_kinds:
            return _EvidenceScorer(context, None)
        query = Query(data.table.take(pairs.rows), pairs.labels, data.probs_of(pairs.rows))
        found = Evidence(context, _index(context), query).of_labels()
        weights, intercept = fit_weights(found, pairs.targets, self.penalty)
        return _EvidenceScorer(context, np.append(weights, intercept))

    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:
        return _EvidenceScorer(context, arrays.get("weights"))

    def _natural_threshold(self) -> float:
        return 0.0

    def _natural_quality(self, scores: Float64Array) -> Float64Array:
        return np.asarray(expit(scores), dtype=np.float64)


class Evidence:
    """All that speaks for or against the labels of a batch; rows with NaN or infinity give NaN."""

    def __init__(self, context: Arrays, index: NeighborIndex, query: Query) -> None:
        self.labels, self.context, self.index = query.given_labels, context, index
        self.is_finite: BoolArray = np.asarray(np.isfinite(query.features).all(axis=1), dtype=np.bool_)
        features = np.where(self.is_finite[:, None], query.features, np.float32(0))
        if query.pred_probs is None and "weights" not in context:
            raise InvalidInputError(
                "`pred_probs` is needed: this EvidenceVerifier was fitted with `pred_probs`; pass those of these rows "
                "too, or fit it without"
            )
        probs = linear_probabilities(features, query.hashes, context) if query.pred_probs is None else query.pred_probs
        self.logs = np.log(np.maximum(probs, 1e-12))
        self.votes = self._votes(features, query)
        self.cosines = np.asarray(unit_rows(features) @ context["means"].T, dtype=np.float64)

    def _votes(self, features: Float32Array, query: Query) -> list[Float64Array]:
        found = self.index.search(features, SCALES[-1], exclude=query.hashes).rows
        right = self.context["right"]
        votes = [np.zeros((len(features), right.shape[1])) for _ in SCALES]
        block = max(1, MAX_VOTES // (SCALES[-1] * right.shape[1]))
        for first in range(0, len(features), block):
            rows = found[first : first + block]
            each = np.where((rows >= 0)[:, :, None], right[rows].astype(np.float32), np.float32(0))
            for scale, share in zip(SCALES, votes, strict=True):
                share[first : first + block] = each[:, :scale].sum(axis=1) / scale
        return votes

    def of_classes(self) -> list[Float64Array]:
        """Every kind of evidence for every class as the label, (B, K) each."""
        kinds = [np.maximum(self.logs, LEAST_LOG), np.clip(log_ratios(np.exp(self.logs)), LEAST_LOG, -LEAST_LOG)]
        for scale, share in zip(SCALES, self.votes, strict=True):
            kinds += [log_ratios(share + 0.5 / scale), share]
        alone = self.cosines.shape[1] == 1  # a single class has no rival
        return [*kinds, self.cosines, np.zeros_like(self.cosines) if alone else margins(self.cosines)]

    def of_labels(self) -> Float64Array:
        """Evidence for the given labels, (B, E)."""
        rows = np.arange(self.labels.size)
        columns = [kind[rows, self.labels] for kind in self.of_classes()]
        return np.column_stack([*columns, np.clip(self.channel_ratio(), -8.0, 8.0)])

    def channel_ratio(self) -> Float64Array:
        """Log-odds of the given labels behind the noise channel, (B,)."""
        return channel_ratios(self.logs, self.labels, self.context["channel"].astype(np.float64))


class _EvidenceScorer:
    def __init__(self, context: Arrays, weights: Float64Array | None) -> None:
        self.context, self.index, self.weights = context, _index(context), weights

    def score(self, query: Query) -> Float64Array:
        evidence = Evidence(self.context, self.index, query)
        if self.weights is None:
            scores = evidence.channel_ratio()
        else:
            scores = evidence.of_labels() @ self.weights[:-1] + self.weights[-1]
        return np.where(evidence.is_finite, scores, np.nan)

    def score_classes(self, query: Query) -> Float64Array:
        """Here the plain ratio stands in for the channel's, which would cost K x K a row."""
        kinds = Evidence(self.context, self.index, query).of_classes()
        ratios, scores = kinds[1], kinds[1]
        if self.weights is not None:
            scores = np.full_like(ratios, self.weights[-1])
            for weight, kind in zip(self.weights[:-1], [*kinds, ratios], strict=True):
                scores += weight * kind
        return np.where(self.context["present"], scores, -np.inf)

    def to_arrays(self) -> Arrays:
        return {} if self.weights is None else {"weights": self.weights}


def _index(context: Arrays) -> NeighborIndex:
    prefix = "index/"
    return NeighborIndex.from_arrays({k.removeprefix(prefix): v for k, v in context.items() if k.startswith(prefix)})
