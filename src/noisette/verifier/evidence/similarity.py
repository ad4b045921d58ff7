"""Evidence of a CleanNet: the similarity of a sample to the references of its class.

It learns from verification labels what the other families cannot know, so it must not vouch for the labels it has
learned from: networks are cross-fitted by the folds of the verifier, and the learner sees the similarity of a pair by
the network of the pair's own fold (stacked generalisation, Wolpert, 1992). Labels of a
fold reach its own learner by that learner's few weights alone, through the networks of other folds. It takes labels in
many classes to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from noisette.types import Float64Array, Progress
from noisette.verifier.crossfit import FoldTask
from noisette.verifier.inputs import Query, TrainingData, VerifiedPairs
from noisette.verifier.scorer import Arrays, Scorer

MIN_CLASSES, MIN_LABELS = 20, 2000
"""Verified classes and labels from which a CleanNet adds to the other evidence."""
PREFIX = "network/"


def is_enough(data: TrainingData) -> bool:
    """Say whether there are verified labels enough, in classes enough, for a CleanNet."""
    rows = data.verified_rows
    return rows.size >= MIN_LABELS and np.unique(data.given_labels[rows]).size >= MIN_CLASSES


@dataclass(frozen=True, eq=False)
class Network:
    """A trained CleanNet, and the number of its normalisation, which its arrays do not tell."""

    scorer: Scorer
    normalization: npt.NDArray[Any]

    def to_arrays(self) -> Arrays:
        """Give the network as arrays, for saving."""
        arrays = self.scorer.to_arrays() | {"normalization": self.normalization}
        return {PREFIX + name: array for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Network | None:
        """Undo `to_arrays`; None where there is no network among the arrays."""
        own = {key.removeprefix(PREFIX): array for key, array in arrays.items() if key.startswith(PREFIX)}
        if not own:
            return None
        from noisette.verifier.cleannet.verifier import CleanNetVerifier

        normalization = own.pop("normalization")
        return cls(CleanNetVerifier()._restore_scorer({"normalization": normalization}, own), normalization)


class CrossFittedSimilarity:
    """The CleanNets of all folds, and the one on everything, trained when it is asked for.

    Args:
        data: the training data.
        folds: the folds' tasks; together their held-out pairs are all pairs.
        progress: told of the trainings.
    """

    def __init__(self, data: TrainingData, folds: Sequence[FoldTask], progress: Progress) -> None:
        from noisette.verifier.cleannet.verifier import CleanNetVerifier

        self.data = data
        self.method = CleanNetVerifier(progress=progress)
        self.context = self.method._prepare(data, folds[0].seed)
        self.method._tune(self.context, data, folds)
        self.networks: dict[int, Network] = {}
        for task in folds:
            self.networks[task.seed] = self.network(task.pairs, task.seed)
        held_out = [(task.held_out.keys(data.num_classes), self._unseen(task)) for task in folds]
        keys, values = (np.concatenate(parts) for parts in zip(*held_out, strict=True))
        order = np.argsort(keys)
        self.keys, self.values = keys[order], values[order]

    def of(self, pairs: VerifiedPairs) -> Float64Array:
        """Give (len(pairs),) similarities by networks that have not seen the pairs."""
        return self.values[np.searchsorted(self.keys, pairs.keys(self.data.num_classes))]

    def network(self, pairs: VerifiedPairs, seed: int) -> Network:
        """Give the network that learns from these pairs; that of a fold is trained once."""
        if seed in self.networks:
            return self.networks[seed]
        scorer = self.method._fit_scorer(self.context, self.data, pairs, seed)
        return Network(scorer, self.context["normalization"])

    def _unseen(self, task: FoldTask) -> Float64Array:
        query = Query(self.data.table.take(task.held_out.rows), task.held_out.labels)
        return self.networks[task.seed].scorer.score(query)
