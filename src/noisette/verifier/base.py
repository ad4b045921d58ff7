"""The contract of every verifier: cross-fitting, threshold, calibration and suggestions around one kind of model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from noisette.errors import InvalidInputError, NotFittedError, NotVerifiedError, ShapeError, UnknownClassError
from noisette.scores.calibration import PlattCalibrator, fit_calibrator
from noisette.scores.relabel import RelabelRule, fit_relabel_rule, suggest_labels
from noisette.scores.thresholds import choose_threshold
from noisette.types import (
    ArrayLike,
    BoolArray,
    FeatureTable,
    Float64Array,
    IntArray,
    Progress,
    RandomState,
    as_generator,
    as_table,
    silent,
)
from noisette.verifier.folds import FoldPlan, plan_folds
from noisette.verifier.inputs import (
    Query,
    TrainingData,
    VerifiedPairs,
    batch_rows,
    check_labels,
    check_probs,
    check_training_data,
    int_vector,
)
from noisette.verifier.scorer import Arrays, ConstantScorer, Scorer

WeightKind = Literal["soft", "hard"]


class Verifier(ABC):
    """Scores (sample, given label) pairs after learning from a few verified ones.

    A subclass says how one model is fitted (`_prepare`, `_fit_scorer`) and restored (`_restore_scorer`). This class adds
    what all share: checks at the door, cross-fitting (every verified row is scored by a model that has not seen its
    verification label), threshold and calibrator learned on those out-of-fold scores, suggestions, weights, saving.

    Args:
        random_state: integer seed or numpy generator; the same seed gives the same result.
        progress: called as ``progress(what, done, total)`` during long work.
    """

    name: ClassVar[str]
    """Word for this verifier on the command line and in saved files."""
    needs_verification: ClassVar[bool] = True
    """True if there is no score without verification labels of both kinds."""
    num_folds: int = 5
    classes_ = np.array([0, 1])

    def __init__(self, *, random_state: RandomState = 0, progress: Progress = silent) -> None:
        self.random_state = random_state
        self.progress = progress
        self.class_names: tuple[str, ...] | None = None

    # -- what a subclass says ---------------------------------------------------------------------------------------

    def _prepare(self, data: TrainingData, seed: int) -> Arrays:  # noqa: ARG002 - the default needs neither
        """Compute once what the models of all folds share and no verification label touches (references, means)."""
        return {}

    @abstractmethod
    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:
        """Fit one model on `pairs` (may be empty if not `needs_verification`); look at no other verification label."""

    @abstractmethod
    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:
        """Undo `Scorer.to_arrays`."""

    def settings(self) -> dict[str, Any]:
        """Constructor arguments (JSON values) that make an equal, unfitted verifier."""
        return {"random_state": self.random_state if isinstance(self.random_state, int) else None}

    def _natural_threshold(self) -> float | None:
        """Threshold that holds without any verification label, where the method has one."""
        return None

    def _natural_quality(self, scores: Float64Array) -> Float64Array | None:  # noqa: ARG002 - see above
        """P(correct) that holds without any verification label, where the method has one."""
        return None

    # -- fitting ----------------------------------------------------------------------------------------------------

    def fit(
        self,
        features: ArrayLike | FeatureTable,
        given_labels: ArrayLike,
        verification_labels: ArrayLike | None = None,
        *,
        correct_labels: ArrayLike | None = None,
        pred_probs: ArrayLike | None = None,
        class_names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from a data set of which a few labels are verified.

        Args:
            features: (N, D) floats, or a `FeatureTable`.
            given_labels: (N,) class ids in 0..K-1, some of them wrong.
            verification_labels: (N,) 1 = given label correct, 0 = mislabelled, -1 = unverified; None = all unverified.
            correct_labels: (N,) right class id of mislabelled samples; -1 not known, -2 none of the classes.
            pred_probs: (N, K) out-of-sample class probabilities of a classifier, for methods that use them.
            class_names: names of the K classes; K is the largest label + 1 without them.

        Returns:
            The verifier itself.

        Raises:
            ShapeError, InvalidInputError, UnknownClassError: an argument is malformed; the message says which.
        """
        data = check_training_data(features, given_labels, verification_labels, correct_labels, pred_probs, class_names)
        return self._fit(data)

    def _fit(self, data: TrainingData) -> Self:
        plan_rng, *streams = as_generator(self.random_state).spawn(self.num_folds + 3)
        seeds = [int(stream.integers(1 << 31)) for stream in streams]
        self.class_names, self.num_features = data.class_names, data.table.num_features
        self.class_counts = data.class_counts
        rows = data.verified_rows
        verified = data.table.take(rows)
        given, targets = data.given_labels[rows], data.verification_labels[rows]
        self.plan = plan_folds(verified, given, targets, data.num_classes, self.num_folds, plan_rng)
        self.context = self._prepare(data, seeds[0])
        pairs = data.pairs()
        self.full = self._scorer(data, pairs, seeds[1])
        row_folds = self.plan.folds_of(verified)
        pair_folds = row_folds[np.searchsorted(rows, pairs.rows)]
        self.fold_scorers: list[Scorer] = []
        for fold in range(self.plan.num_folds):
            self.progress("cross-fit", fold, self.plan.num_folds)
            allowed = self.plan.may_train(fold, pair_folds, pairs.labels)
            self.fold_scorers.append(self._scorer(data, pairs.where(allowed), seeds[2 + fold]))
        self._learn_rules(data, verified)
        return self

    def _scorer(self, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:
        if self.needs_verification and not pairs.has_both_kinds:
            share = float(pairs.targets.mean()) if len(pairs) else 0.0
            return ConstantScorer(share, self.class_counts)
        return self._fit_scorer(self.context, data, pairs, seed)

    def _learn_rules(self, data: TrainingData, verified: np.ndarray) -> None:
        """Learn threshold, calibrator and relabel rule on out-of-fold scores of the verified rows alone."""
        rows = data.verified_rows
        self.threshold: float | None = self._natural_threshold()
        self.calibrator: PlattCalibrator | None = None
        self.relabel_rule = RelabelRule()
        if rows.size == 0:
            return
        probs = None if data.pred_probs is None else data.pred_probs[rows]
        query = Query(verified, data.given_labels[rows], probs)
        targets = data.verification_labels[rows]
        scores = self._score_query(query)
        self.threshold = choose_threshold(scores, targets, query.given_labels)
        self.calibrator = fit_calibrator(scores, targets)
        correct = data.correct_labels[rows]
        right = np.where(targets == 1, query.given_labels, correct)
        known = np.flatnonzero(right >= 0)
        class_scores = self._route(query.where(known), lambda scorer, part: scorer.score_classes(part))
        self.relabel_rule = fit_relabel_rule(class_scores, right[known], correct[targets == 0])

    # -- scoring ----------------------------------------------------------------------------------------------------

    def score_samples(
        self,
        features: ArrayLike | FeatureTable,
        given_labels: ArrayLike,
        *,
        pred_probs: ArrayLike | None = None,
    ) -> Float64Array:
        """Score how likely each given label is correct.

        Rows that were verified in `fit` are recognised by their content and scored by a model that has not seen their
        verification label, so that ``fit(X, ...).score_samples(X, ...)`` is out of sample.

        Args:
            features: (N, D) floats, or a `FeatureTable`.
            given_labels: (N,) class ids.
            pred_probs: (N, K) out-of-sample class probabilities, for methods that use them.

        Returns:
            (N,) raw scores; high = more likely correct. For CleanNet the cosine similarity, in [-1, 1].

        Raises:
            NotVerifiedError: the method has no scores without verification labels.
            UnknownClassError: a label names a class that had no samples in `fit`.
            InvalidInputError: a feature is NaN or infinite.
        """
        parts = [self._score_query(query) for query in self._queries(features, given_labels, pred_probs)]
        return np.concatenate(parts) if parts else np.empty(0)

    def label_quality(
        self,
        features: ArrayLike | FeatureTable,
        given_labels: ArrayLike,
        *,
        pred_probs: ArrayLike | None = None,
    ) -> Float64Array:
        """Give (N,) calibrated P(given label is correct) in [0, 1]; low = suspicious. Arguments as `score_samples`."""
        return self.quality_of_scores(self.score_samples(features, given_labels, pred_probs=pred_probs))

    def predict_proba(
        self,
        features: ArrayLike | FeatureTable,
        given_labels: ArrayLike,
        *,
        pred_probs: ArrayLike | None = None,
    ) -> Float64Array:
        """Give (N, 2): P(mislabelled), P(correct), in the order of `classes_`. Arguments as `score_samples`."""
        quality = self.label_quality(features, given_labels, pred_probs=pred_probs)
        return np.column_stack([1.0 - quality, quality])

    def predict(
        self,
        features: ArrayLike | FeatureTable,
        given_labels: ArrayLike,
        *,
        pred_probs: ArrayLike | None = None,
    ) -> BoolArray:
        """Give (N,) verdicts, True = label correct, by the threshold chosen in `fit`. Arguments as `score_samples`."""
        return self.verdict_of_scores(self.score_samples(features, given_labels, pred_probs=pred_probs))

    def sample_weight(
        self,
        features: ArrayLike | FeatureTable,
        given_labels: ArrayLike,
        *,
        kind: WeightKind = "soft",
        pred_probs: ArrayLike | None = None,
    ) -> Float64Array:
        """Give (N,) weights >= 0 for training a classifier.

        Args:
            features: as in `score_samples`.
            given_labels: as in `score_samples`.
            kind: "soft" = label quality (CleanNet: max(0, similarity)), "hard" = 1 if the verdict is correct, else 0.
            pred_probs: as in `score_samples`.
        """
        scores = self.score_samples(features, given_labels, pred_probs=pred_probs)
        return self.weight_of_scores(scores, kind)

    def suggest_labels(
        self,
        features: ArrayLike | FeatureTable,
        given_labels: ArrayLike,
        *,
        pred_probs: ArrayLike | None = None,
    ) -> tuple[IntArray, Float64Array]:
        """Give (N,) best class ids (-2: none of the classes; the given one where it is best) and (N,) probabilities.

        Arguments as `score_samples`.
        """
        labels, chances = [], []
        for query in self._queries(features, given_labels, pred_probs):
            label, chance = self._suggest(query, self._score_query(query))
            labels.append(label)
            chances.append(chance)
        if not labels:
            return np.empty(0, dtype=np.int64), np.empty(0)
        return np.concatenate(labels), np.concatenate(chances)

    def iter_scores(
        self, features: FeatureTable, given_labels: IntArray, *, pred_probs: ArrayLike | None = None
    ) -> Iterator[tuple[Float64Array, IntArray, Float64Array]]:
        """Yield (scores, suggested labels, their probabilities) a batch of rows at a time, for tables of any size."""
        for query in self._queries(features, given_labels, pred_probs):
            scores = self._score_query(query)
            yield scores, *self._suggest(query, scores)

    # -- rules on scores, usable without features ---------------------------------------------------------------------

    def quality_of_scores(self, scores: Float64Array) -> Float64Array:
        """Turn raw scores into calibrated P(correct).

        Raises:
            NotVerifiedError: no verification labels were given and the method has no probability of its own.
        """
        self._check_fitted()
        if self.calibrator is not None:
            return self.calibrator(scores)
        natural = self._natural_quality(scores)
        if natural is None:
            raise NotVerifiedError(
                f"{type(self).__name__} needs verification labels to turn scores into probabilities; verify some labels "
                "and fit again, or rank by `score_samples`"
            )
        return natural

    def verdict_of_scores(self, scores: Float64Array) -> BoolArray:
        """Turn raw scores into verdicts, True = correct, by the threshold chosen in `fit`.

        Raises:
            NotVerifiedError: no verification labels were given and the method has no threshold of its own.
        """
        self._check_fitted()
        if self.threshold is None:
            raise NotVerifiedError(
                f"{type(self).__name__} needs verification labels to choose a threshold; verify some labels and fit again, "
                "or set `threshold`"
            )
        verdict: BoolArray = scores >= self.threshold
        return verdict

    def weight_of_scores(self, scores: Float64Array, kind: WeightKind = "soft") -> Float64Array:
        """Turn raw scores into sample weights, see `sample_weight`."""
        if kind == "hard":
            return self.verdict_of_scores(scores).astype(np.float64)
        if kind != "soft":
            raise InvalidInputError(f"`kind` must be 'soft' or 'hard', got {kind!r}")
        return self._soft_weight(scores)

    def _soft_weight(self, scores: Float64Array) -> Float64Array:
        return self.quality_of_scores(scores)

    # -- inner parts --------------------------------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        if self.class_names is None:
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call `fit` first")

    def _queries(
        self, features: ArrayLike | FeatureTable, given_labels: ArrayLike, pred_probs: ArrayLike | None
    ) -> Iterator[Query]:
        """Check the arguments of a scoring method, then cut them into batches."""
        self._check_fitted()
        assert self.class_names is not None
        table = as_table(features)
        if table.num_features != self.num_features:
            raise ShapeError(
                f"`features` must have shape (N, {self.num_features}), got {table.num_features} columns; "
                "was the backbone changed since `fit`?"
            )
        labels = int_vector(given_labels, table.num_rows, "given_labels")
        check_labels(labels, len(self.class_names), "given_labels")
        empty = np.flatnonzero(self.class_counts[labels] == 0)
        if empty.size:
            name = self.class_names[labels[empty[0]]]
            raise UnknownClassError(
                f"`given_labels` names class {name!r} at position {empty[0]}, which had no samples in `fit`; "
                "fit again with samples of that class"
            )
        probs = None if pred_probs is None else check_probs(pred_probs, table.num_rows, len(self.class_names))
        return self._batches(table, labels, probs)

    def _batches(self, table: FeatureTable, labels: IntArray, probs: Float64Array | None) -> Iterator[Query]:
        start = 0
        for block in table.iter_batches(batch_rows(table.num_features)):
            part = slice(start, start + block.shape[0])
            yield Query(block, labels[part], None if probs is None else probs[part])
            start += block.shape[0]
            self.progress("score", start, table.num_rows)

    def _score_query(self, query: Query) -> Float64Array:
        scores = self._route(query, lambda scorer, part: scorer.score(part))
        bad = np.flatnonzero(~np.isfinite(scores))
        if bad.size:
            row = query.features[bad[0]]
            what = (
                "a number that is NaN or infinite" if not np.isfinite(row).all() else f"row {row[:4]}... with score NaN"
            )
            raise InvalidInputError(
                f"`features` must hold finite numbers, got {what}; leave such rows out or extract again"
            )
        return scores

    def _route(self, query: Query, ask: Callable[[Scorer, Query], Float64Array]) -> Float64Array:
        """Ask for each row the model that may answer: its fold's for a verified row, else the one fitted on all."""
        folds = self.plan.folds_of(query.features)
        present = np.unique(folds)
        if present.size == 1:
            return ask(self._scorer_of(int(present[0])), query)
        answers: Float64Array | None = None
        for fold in present:
            rows = np.flatnonzero(folds == fold)
            part = ask(self._scorer_of(int(fold)), query.where(rows))
            if answers is None:
                answers = np.empty((folds.size, *part.shape[1:]))
            answers[rows] = part
        return np.empty(0) if answers is None else answers

    def _scorer_of(self, fold: int) -> Scorer:
        scorer = self.full if fold < 0 else self.fold_scorers[fold]
        if isinstance(scorer, ConstantScorer) and self.needs_verification and self.plan.kind == "none":
            raise NotVerifiedError(
                f"{type(self).__name__} needs verification labels of correct and of mislabelled samples; verify some, or "
                "use a method that works without (average, filtering, drae)"
            )
        return scorer

    def _suggest(self, query: Query, scores: Float64Array) -> tuple[IntArray, Float64Array]:
        class_scores = self._route(query, lambda scorer, part: scorer.score_classes(part))
        return suggest_labels(class_scores, query.given_labels, self.quality_of_scores(scores), self.relabel_rule)

    # -- saving -------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the fitted verifier to a folder (safetensors + JSON, never pickle); `load_verifier` reads it."""
        from noisette.verifier.saving import save_verifier

        self._check_fitted()
        save_verifier(self, Path(path))
