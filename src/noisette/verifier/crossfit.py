"""One model fitted on all verified pairs, one a fold without that fold's, and the rule which of them scores a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from noisette.types import Float64Array, IntArray, Progress
from noisette.verifier.folds import FoldPlan
from noisette.verifier.inputs import Query, VerifiedPairs
from noisette.verifier.scorer import Scorer


@dataclass(eq=False)
class CrossFit:
    """The models of a fitted verifier.

    Attributes:
        plan: which fold each verified row belongs to.
        full: the model fitted on all verified pairs; scores rows that were never verified.
        folds: the model of each fold, fitted without that fold's pairs; scores that fold's rows.
    """

    plan: FoldPlan
    full: Scorer
    folds: list[Scorer]

    def score(self, query: Query) -> Float64Array:
        """Give (B,) out-of-sample scores of the given labels."""
        (scores,) = self._route(query, lambda scorer, part: (scorer.score(part),))
        return scores

    def score_classes(self, query: Query) -> Float64Array:
        """Give (B, K) out-of-sample scores of every class."""
        (scores,) = self._route(query, lambda scorer, part: (scorer.score_classes(part),))
        return scores

    def score_both(self, query: Query) -> tuple[Float64Array, Float64Array]:
        """Give `score` and `score_classes` of a batch, which together may cost little more than one of them."""
        scores, class_scores = self._route(query, lambda scorer, part: scorer.score_both(part))
        return scores, class_scores

    def _route(
        self, query: Query, ask: Callable[[Scorer, Query], tuple[Float64Array, ...]]
    ) -> tuple[Float64Array, ...]:
        folds = self.plan.folds_of(query.features)
        present = np.unique(folds)
        if present.size == 1:
            return ask(self._scorer_of(int(present[0])), query)
        answers: tuple[Float64Array, ...] = ()
        for fold in present:
            rows = np.flatnonzero(folds == fold)
            parts = ask(self._scorer_of(int(fold)), query.where(rows))
            answers = answers or tuple(np.empty((folds.size, *part.shape[1:])) for part in parts)
            for answer, part in zip(answers, parts, strict=True):
                answer[rows] = part
        return answers

    def _scorer_of(self, fold: int) -> Scorer:
        return self.full if fold < 0 else self.folds[fold]


@dataclass(frozen=True, eq=False)
class FoldTask:
    """One model to fit: the pairs it may learn from, those it must not (of its own fold), and its seed."""

    pairs: VerifiedPairs
    held_out: VerifiedPairs
    seed: int


def fold_tasks(plan: FoldPlan, pairs: VerifiedPairs, pair_folds: IntArray, seeds: list[int]) -> list[FoldTask]:
    """Give the model of each fold as a task.

    Args:
        plan: the folds.
        pairs: all verified pairs.
        pair_folds: (len(pairs),) fold of each pair's row.
        seeds: one seed a fold.
    """
    tasks = []
    for fold, seed in zip(range(plan.num_folds), seeds, strict=False):
        allowed = plan.may_train(fold, pair_folds, pairs.labels)
        tasks.append(FoldTask(pairs.where(allowed), pairs.where(pair_folds == fold), seed))
    return tasks


def fit_crossfit(
    plan: FoldPlan,
    full: FoldTask,
    folds: list[FoldTask],
    fit_one: Callable[[FoldTask], Scorer],
    progress: Progress,
) -> CrossFit:
    """Fit the models of all folds, and then the one on everything."""
    total = len(folds) + 1
    scorers = []
    for done, task in enumerate([*folds, full]):
        progress("fit", done, total)
        scorers.append(fit_one(task))
    progress("fit", total, total)
    return CrossFit(plan, scorers[-1], scorers[:-1])
