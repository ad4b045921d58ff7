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
        return self._route(query, lambda scorer, part: scorer.score(part))

    def score_classes(self, query: Query) -> Float64Array:
        """Give (B, K) out-of-sample scores of every class."""
        return self._route(query, lambda scorer, part: scorer.score_classes(part))

    def _route(self, query: Query, ask: Callable[[Scorer, Query], Float64Array]) -> Float64Array:
        folds = self.plan.folds_of(query.features)
        present = np.unique(folds)
        if present.size == 1:
            return ask(self._scorer_of(int(present[0])), query)
        answers = np.empty(0)
        for i, fold in enumerate(present):
            rows = np.flatnonzero(folds == fold)
            part = ask(self._scorer_of(int(fold)), query.where(rows))
            if i == 0:
                answers = np.empty((folds.size, *part.shape[1:]))
            answers[rows] = part
        return answers

    def _scorer_of(self, fold: int) -> Scorer:
        return self.full if fold < 0 else self.folds[fold]


def fit_crossfit(
    plan: FoldPlan,
    pairs: VerifiedPairs,
    pair_folds: IntArray,
    fit_one: Callable[[VerifiedPairs, int], Scorer],
    seeds: list[int],
    progress: Progress,
) -> CrossFit:
    """Fit the models of all folds and the one on everything.

    Args:
        plan: the folds.
        pairs: all verified pairs.
        pair_folds: (len(pairs),) fold of each pair's row.
        fit_one: fits one model on some pairs with a seed.
        seeds: one seed a model, the one on everything first.
        progress: called as models are done.
    """
    total = plan.num_folds + 1
    scorers = []
    for i, seed in enumerate(seeds[:total]):
        progress("fit", i, total)
        fold = i - 1
        allowed = pairs if fold < 0 else pairs.where(plan.may_train(fold, pair_folds, pairs.labels))
        scorers.append(fit_one(allowed, seed))
    progress("fit", total, total)
    return CrossFit(plan, scorers[0], scorers[1:])
