"""The contract of every verifier: cross-fitting, threshold, calibration and suggestions around one kind of model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from noisette.errors import NotVerifiedError
from noisette.scores.relabel import suggest_labels
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
from noisette.verifier.crossfit import FoldTask, fit_crossfit, fold_tasks
from noisette.verifier.folds import plan_folds
from noisette.verifier.inputs import (
    Query,
    TrainingData,
    VerifiedPairs,
    check_finite,
    check_query,
    check_training_data,
    iter_queries,
)
from noisette.verifier.rules import DecisionRules, learn_rules
from noisette.verifier.score_reader import ScoreReader, WeightKind
from noisette.verifier.scorer import Arrays, ConstantScorer, Scorer, check_scores


class Verifier(ScoreReader, ABC):
    """Scores (sample, given label) pairs after learning from a few verified ones.

    A subclass says how one model is fitted (`_prepare`, `_fit_scorer`) and restored (`_restore_scorer`). This class
    adds what all share: checks at the door, cross-fitting (every verified row is scored by a model that has not seen
    its verification label), threshold and calibrator learned on those out-of-fold scores, suggestions, weights, saving.

    Args:
        random_state: integer seed or numpy generator; the same seed gives the same result.
        progress: called as ``progress(what, done, total)`` during long work.
    """

    name: ClassVar[str]
    """Word for this verifier on the command line and in saved files."""
    needs_verification: ClassVar[bool] = True
    """True if there is no score without verification labels of both kinds."""
    leave_classes_out: ClassVar[bool] = True
    """True if whole classes are left out in cross-fitting; False for methods whose models know one class only."""
    scores_are_log_odds: ClassVar[bool] = False
    """True if scores are log-odds of a fitted probability: then the threshold is where the calibrated one is 1/2, which
    takes fewer labels to place than the lowest error on a few dozen of them."""
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

    def _tune(self, context: Arrays, data: TrainingData, folds: Sequence[FoldTask]) -> None:
        """Choose settings by the folds' held-out pairs, before models are fitted; no folds = no classes left out."""

    def _forget(self) -> None:
        """Let go, once all models are fitted, of what only fitting needs; a fitted verifier keeps no training data."""

    @abstractmethod
    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:
        """Fit one model on `pairs` (may be empty if not `needs_verification`); look at no other verification label."""

    @abstractmethod
    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:
        """Undo `Scorer.to_arrays`."""

    def settings(self) -> dict[str, Any]:
        """Constructor arguments (JSON values) that make an equal, unfitted verifier."""
        seed = None if isinstance(self.random_state, np.random.Generator) else self.random_state
        return {"random_state": None if seed is None else int(seed)}  # an integer may be one of numpy's

    def _natural_threshold(self) -> float | None:
        """Threshold that holds without any verification label, where the method has one."""
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
        duplicate_groups: ArrayLike | None = None,
    ) -> Self:
        """Learn from a data set of which a few labels are verified.

        Args:
            features: (N, D) floats, or a `FeatureTable`.
            given_labels: (N,) class ids in 0..K-1, some of them wrong.
            verification_labels: (N,) 1 = given label correct, 0 = mislabelled, -1 = unverified; None = all unverified.
            correct_labels: (N,) right class id of mislabelled samples; -1 not known, -2 none of the classes.
            pred_probs: (N, K) out-of-sample class probabilities of a classifier, for methods that use them.
            class_names: names of the K classes; K is the largest label + 1 without them.
            duplicate_groups: (N,) rows of one number (not -1) show one picture: none of them is scored by a model that
                has seen the verification label of another; None = only byte-equal rows do.

        Returns:
            The verifier itself.

        Raises:
            ShapeError, InvalidInputError, UnknownClassError: an argument is malformed; the message says which.
        """
        data = check_training_data(
            features, given_labels, verification_labels, correct_labels, pred_probs, class_names, duplicate_groups
        )
        return self._fit(data)

    def _fit(self, data: TrainingData) -> Self:
        plan_rng, *streams = as_generator(self.random_state).spawn(self.num_folds + 3)
        context_seed, *seeds = [int(stream.integers(1 << 31)) for stream in streams]
        self.class_names, self.num_features = data.class_names, data.table.num_features
        self.class_counts = data.class_counts
        rows = data.verified_rows
        verified = Query(data.table.take(rows), data.given_labels[rows], data.probs_of(rows))
        check_finite(verified.features, rows)
        targets = data.verification_labels[rows]
        plan = plan_folds(
            verified.features,
            verified.given_labels,
            targets,
            data.num_classes,
            self.num_folds,
            plan_rng,
            leave_classes_out=self.leave_classes_out,
            groups=None if data.duplicate_groups is None else data.duplicate_groups[rows],
        )
        self.context = self._prepare(data, context_seed)
        pairs = data.pairs()
        pair_folds = plan.folds_of(verified.features)[np.searchsorted(rows, pairs.rows)]
        full = FoldTask(pairs, pairs.where(np.zeros(len(pairs), dtype=bool)), seeds[0])
        folds = fold_tasks(plan, pairs, pair_folds, seeds[1:])
        self._tune(self.context, data, folds if plan.kind == "classes" else [])
        self.models = fit_crossfit(plan, full, folds, lambda task: self._scorer(data, task), self.progress)
        self._forget()
        self.rules = DecisionRules(threshold=self._natural_threshold())
        if np.unique(targets).size == 2:  # labels of one kind alone would call every label wrong, or none
            self.rules = learn_rules(self.models, data, verified, log_odds=self.scores_are_log_odds)
        return self

    def _scorer(self, data: TrainingData, task: FoldTask) -> Scorer:
        if self.needs_verification and not task.pairs.has_both_kinds:
            share = float(task.pairs.targets.mean()) if len(task.pairs) else 0.0
            return ConstantScorer(share, self.class_counts)
        return self._fit_scorer(self.context, data, task.pairs, task.seed)

    # -- scoring ----------------------------------------------------------------------------------------------------

    def score_samples(
        self, features: ArrayLike | FeatureTable, given_labels: ArrayLike, *, pred_probs: ArrayLike | None = None
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
        self, features: ArrayLike | FeatureTable, given_labels: ArrayLike, *, pred_probs: ArrayLike | None = None
    ) -> Float64Array:
        """Give (N,) calibrated P(given label is correct) in [0, 1]; low = suspicious. Arguments as `score_samples`."""
        return self.quality_of_scores(self.score_samples(features, given_labels, pred_probs=pred_probs))

    def predict_proba(
        self, features: ArrayLike | FeatureTable, given_labels: ArrayLike, *, pred_probs: ArrayLike | None = None
    ) -> Float64Array:
        """Give (N, 2): P(mislabelled), P(correct), in the order of `classes_`. Arguments as `score_samples`."""
        quality = self.label_quality(features, given_labels, pred_probs=pred_probs)
        return np.column_stack([1.0 - quality, quality])

    def predict(
        self, features: ArrayLike | FeatureTable, given_labels: ArrayLike, *, pred_probs: ArrayLike | None = None
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
        self, features: ArrayLike | FeatureTable, given_labels: ArrayLike, *, pred_probs: ArrayLike | None = None
    ) -> tuple[IntArray, Float64Array]:
        """Give (N,) best class ids (-2: none of the classes; the given one where it is best) and (N,) probabilities.

        Arguments as `score_samples`.
        """
        labels, chances = [np.empty(0, dtype=np.int64)], [np.empty(0)]
        for _, label, chance in self.iter_scores(features, given_labels, pred_probs=pred_probs):
            labels.append(label)
            chances.append(chance)
        return np.concatenate(labels), np.concatenate(chances)

    def iter_scores(
        self, features: ArrayLike | FeatureTable, given_labels: ArrayLike, *, pred_probs: ArrayLike | None = None
    ) -> Iterator[tuple[Float64Array, IntArray, Float64Array]]:
        """Yield (scores, suggested labels, their probabilities) a batch of rows at a time, for tables of any size."""
        for query in self._queries(features, given_labels, pred_probs):
            self._check_can_score()
            scores, class_scores = self.models.score_both(query)
            check_scores(scores, query)
            quality = self.quality_of_scores(scores)
            yield scores, *suggest_labels(class_scores, query.given_labels, quality, self.rules.relabel)

    # -- inner parts --------------------------------------------------------------------------------------------------

    def _queries(
        self, features: ArrayLike | FeatureTable, given_labels: ArrayLike, pred_probs: ArrayLike | None
    ) -> Iterator[Query]:
        self._check_fitted()
        assert self.class_names is not None
        table = as_table(features)
        labels, probs = check_query(
            table, given_labels, pred_probs, self.num_features, self.class_names, self.class_counts
        )
        return iter_queries(table, labels, probs, self.progress)

    def _score_query(self, query: Query) -> Float64Array:
        self._check_can_score()
        scores = self.models.score(query)
        check_scores(scores, query)
        return scores

    def _check_can_score(self) -> None:
        if self.needs_verification and self.models.plan.kind == "none":
            raise NotVerifiedError(
                f"{type(self).__name__} needs verification labels of correct and of mislabelled samples; verify some, "
                "or use a method that works without (evidence, average, filtering, drae)"
            )

    # -- saving -------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the fitted verifier to a folder (safetensors + JSON, never pickle); `load_verifier` reads it."""
        from noisette.verifier.saving import save_verifier

        self._check_fitted()
        save_verifier(self, Path(path))
