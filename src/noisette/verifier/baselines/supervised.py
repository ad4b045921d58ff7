"""The shell of the baselines that learn from verification labels: one binary model a class, and a pooled one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from noisette.errors import InvalidInputError
from noisette.types import (
    UNVERIFIED,
    BoolArray,
    Float32Array,
    Float64Array,
    HashArray,
    IntArray,
    Progress,
    RandomState,
    silent,
)
from noisette.verifier.base import Verifier
from noisette.verifier.baselines.class_means import class_means, cosine_to_all, unit_rows
from noisette.verifier.baselines.pooled_scale import pooled_scale
from noisette.verifier.baselines.row_samples import MAX_NUMBERS, sample_rows
from noisette.verifier.folds import row_hashes
from noisette.verifier.inputs import Query, TrainingData, VerifiedPairs, check_finite
from noisette.verifier.rules import learn_rules
from noisette.verifier.scorer import Arrays, Scorer

BinaryModel: TypeAlias = Callable[[Float32Array, HashArray], Float64Array]
"""A fitted model: inputs (B, D) and hashes of their rows (B,) to scores (B,), high = correct."""


@dataclass(frozen=True, eq=False)
class BinaryExamples:
    """What one binary model is fitted on.

    Attributes:
        inputs: (n, D) unit features, or products of unit features and class means.
        targets: (n,) 1 correct, 0 mislabelled, -1 unverified (only for methods that use such rows).
        hashes: (n,) hashes of the rows' raw features.
    """

    inputs: Float32Array
    targets: IntArray
    hashes: HashArray


class SupervisedVerifier(Verifier):
    """Learns P(correct) from verification labels: a model of its own for each class with enough of them, else pooled.

    A class has its own model if it has at least `min_per_kind` verified labels of each kind; its inputs are the unit
    features. All other classes share one model, fitted on the verified labels of all classes; its inputs are the
    products, feature by feature, of unit features and the unit class mean (their sum is the cosine). Its scores are
    brought to the scale of the others by a line, measured on classes that were left out, so that one threshold serves
    both. Labels of other classes are suggested by the cosine to their means.

    Cross-fitting leaves out rows, not classes: a class's own model cannot be judged without its labels. Models are
    fitted when first asked, from the verified rows, which are what is saved: loading fits again, to the same scores.

    Args:
        min_per_kind: verified labels of each kind from which a class has its own model.
        max_pooled: largest number of verified labels that the pooled model is fitted on, drawn at random.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.
    """

    leave_classes_out: ClassVar[bool] = False
    uses_unverified: ClassVar[bool] = False
    """True if the models are also given rows without a verification label."""
    max_own_unverified: int = 500
    max_pooled_unverified: int = 2000

    def __init__(
        self,
        *,
        min_per_kind: int = 5,
        max_pooled: int = 3000,
        random_state: RandomState = 0,
        progress: Progress = silent,
    ) -> None:
        super().__init__(random_state=random_state, progress=progress)
        check_at_least("min_per_kind", min_per_kind, 1)
        check_at_least("max_pooled", max_pooled, 2)
        self.min_per_kind, self.max_pooled = min_per_kind, max_pooled

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as JSON values."""
        return super().settings() | {"min_per_kind": self.min_per_kind, "max_pooled": self.max_pooled}

    @abstractmethod
    def _fit_binary(self, examples: BinaryExamples, seed: int) -> BinaryModel:
        """Fit one model; both kinds of targets occur."""

    def _prepare(self, data: TrainingData, seed: int) -> Arrays:
        rows = data.verified_rows
        others = self._unverified_rows(data, seed) if self.uses_unverified else rows[:0]
        features, unverified = data.table.take(rows), data.table.take(others)
        check_finite(features, rows)
        check_finite(unverified, others)
        return {
            "means": class_means(data.table, data.given_labels, data.num_classes),
            "verified": features,
            "unverified": unverified,
            "unverified_labels": data.given_labels[others],
            "pooled_scale": np.array([1.0, 0.0]),
        }

    def _fit(self, data: TrainingData) -> Self:
        super()._fit(data)
        if isinstance(self.models.full, SupervisedScorer):
            self._align(data, self.models.full)
        return self

    def _align(self, data: TrainingData, full: SupervisedScorer) -> None:
        """Bring pooled scores to the scale of the others, as measured on classes that a pooled model has not seen."""
        rows = data.verified_rows
        query = Query(self.context["verified"], data.given_labels[rows])
        has_own = full.has_own[query.given_labels]
        if not has_own.any():
            return
        targets = data.verification_labels[rows]
        own = self.models.score(query.where(has_own))
        pooled = np.full(rows.size, np.nan)
        for classes in np.array_split(np.unique(query.given_labels), 3):
            left_out = np.isin(query.given_labels, classes)
            seen = ~np.isin(full.pairs.labels, classes) & ~left_out[full.pairs.rows]
            pairs = full.pairs.where(seen)
            if left_out.any() and pairs.has_both_kinds:
                scorer = SupervisedScorer(self, self.context, pairs, full.seed)
                pooled[left_out] = scorer.pooled_scores(query.where(left_out))
        known = ~np.isnan(pooled)
        if known.any():
            self.context["pooled_scale"][:] = pooled_scale(own, targets[has_own], pooled[known], targets[known])
            verified = Query(query.features, query.given_labels, data.probs_of(rows))
            self.rules = learn_rules(self.models, data, verified)

    def _unverified_rows(self, data: TrainingData, seed: int) -> IntArray:
        rows = np.flatnonzero(data.verification_labels == UNVERIFIED)
        limit = MAX_NUMBERS // data.table.num_features
        rng = np.random.default_rng(seed)
        return rows[sample_rows(data.given_labels[rows], limit, rng, per_class=self.max_own_unverified)]

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:
        places = np.searchsorted(data.verified_rows, pairs.rows)
        return SupervisedScorer(self, context, VerifiedPairs(places, pairs.labels, pairs.targets), seed)

    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:
        pairs = VerifiedPairs(arrays["places"], arrays["labels"], arrays["targets"])
        return SupervisedScorer(self, context, pairs, int(arrays["seed"][0]))


class SupervisedScorer(Scorer):
    """The models of one fold; each is fitted when first asked."""

    def __init__(self, verifier: SupervisedVerifier, context: Arrays, pairs: VerifiedPairs, seed: int) -> None:
        self.verifier, self.context, self.pairs, self.seed = verifier, context, pairs, seed
        self.num_classes = context["means"].shape[0]
        kinds = np.bincount(pairs.labels * 2 + pairs.targets, minlength=2 * self.num_classes).reshape(-1, 2)
        self.has_own: BoolArray = np.asarray((kinds >= verifier.min_per_kind).all(axis=1), dtype=np.bool_)
        self.models: dict[int, BinaryModel] = {}

    def score(self, query: Query) -> Float64Array:
        """Give (B,) scores of the given labels; NaN for a row with NaN or infinity."""
        scores = np.full(query.given_labels.size, np.nan)
        finite = np.flatnonzero(np.isfinite(query.features).all(axis=1))
        labels = query.given_labels[finite]
        own = self.has_own[labels]
        for label in np.unique(labels[own]):
            rows = finite[labels == label]
            scores[rows] = self._own_model(int(label))(unit_rows(query.features[rows]), query.hashes[rows])
        rows = finite[~own]
        if rows.size:
            scores[rows] = self.pooled_scores(query.where(rows))
        return scores

    def pooled_scores(self, query: Query) -> Float64Array:
        """Give (B,) scores of the given labels by the pooled model, on the scale of the own models."""
        inputs = self._pooled_inputs(query.features, query.given_labels)
        slope, intercept = self.context["pooled_scale"]
        scores: Float64Array = slope * self._pooled_model()(inputs, query.hashes) + intercept
        return scores

    def score_classes(self, query: Query) -> Float64Array:
        """Give (B, K) cosines to the class means; -inf for a class without samples."""
        return cosine_to_all(query.features, self.context["means"])

    def to_arrays(self) -> Arrays:
        """Give the pairs and the seed; the rows themselves are in the context that all folds share."""
        pairs = {"places": self.pairs.rows, "labels": self.pairs.labels, "targets": self.pairs.targets}
        return pairs | {"seed": np.array([self.seed])}

    def _own_model(self, label: int) -> BinaryModel:
        if label not in self.models:
            part = self.pairs.where(self.pairs.labels == label)
            others = np.flatnonzero(self.context["unverified_labels"] == label)
            features = np.concatenate([self.context["verified"][part.rows], self.context["unverified"][others]])
            self.models[label] = self._fit(unit_rows(features), features, part.targets, label)
        return self.models[label]

    def _pooled_model(self) -> BinaryModel:
        label = self.num_classes
        if label not in self.models:
            rng = np.random.default_rng([self.seed, label])
            part = self._pooled_pairs(rng)
            without = np.flatnonzero(~self.has_own[self.context["unverified_labels"]])
            others = np.sort(rng.permutation(without)[: self.verifier.max_pooled_unverified])
            features = np.concatenate([self.context["verified"][part.rows], self.context["unverified"][others]])
            labels = np.concatenate([part.labels, self.context["unverified_labels"][others]])
            self.models[label] = self._fit(self._pooled_inputs(features, labels), features, part.targets, label)
        return self.models[label]

    def _pooled_pairs(self, rng: np.random.Generator) -> VerifiedPairs:
        """Draw at most `max_pooled` pairs, each kind in its share but neither without any."""
        size, limit = len(self.pairs), self.verifier.max_pooled
        if size <= limit:
            return self.pairs
        num_wrong = int((self.pairs.targets == 0).sum())
        keep_wrong = min(max(round(limit * num_wrong / size), 1), limit - 1)
        order = rng.permutation(size)
        wrong = self.pairs.targets[order] == 0
        chosen = np.concatenate([order[wrong][:keep_wrong], order[~wrong][: limit - keep_wrong]])
        return self.pairs.where(np.sort(chosen))

    def _pooled_inputs(self, features: Float32Array, labels: IntArray) -> Float32Array:
        # Times D, so that the numbers are near 1 whatever the feature size is.
        product: Float32Array = unit_rows(features) * self.context["means"][labels] * np.float32(features.shape[1])
        return product

    def _fit(self, inputs: Float32Array, features: Float32Array, targets: IntArray, label: int) -> BinaryModel:
        unverified = np.full(len(inputs) - targets.size, UNVERIFIED)
        examples = BinaryExamples(inputs, np.concatenate([targets, unverified]), row_hashes(features))
        seed = int(np.random.default_rng([self.seed, label, 1]).integers(1 << 31))
        return self.verifier._fit_binary(examples, seed)


def check_at_least(name: str, value: int, least: int) -> None:
    """Check a whole-number setting at the door.

    Raises:
        InvalidInputError: it is below `least`.
    """
    if value < least:
        raise InvalidInputError(f"`{name}` must be at least {least}, got {value}")
