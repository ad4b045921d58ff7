"""Label propagation and label spreading: verification labels flow over a graph of nearest neighbours."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, ClassVar, final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from noisette.errors import InvalidInputError
from noisette.types import Float32Array, Float64Array, HashArray, Progress, RandomState, silent
from noisette.verifier.baselines.supervised import BinaryExamples, BinaryModel, SupervisedVerifier, check_at_least


class _GraphVerifier(SupervisedVerifier):
    """What both have in common: the graphs, and how a row is scored from one."""

    uses_unverified: ClassVar[bool] = True

    def __init__(
        self,
        *,
        num_neighbors: int = 10,
        min_per_kind: int = 5,
        max_pooled: int = 3000,
        random_state: RandomState = 0,
        progress: Progress = silent,
    ) -> None:
        super().__init__(min_per_kind=min_per_kind, max_pooled=max_pooled, random_state=random_state, progress=progress)
        check_at_least("num_neighbors", num_neighbors, 1)
        self.num_neighbors = num_neighbors

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as JSON values."""
        return super().settings() | {"num_neighbors": self.num_neighbors}

    @abstractmethod
    def _propagation(self, num_neighbors: int) -> LabelPropagation | LabelSpreading:
        """Give scikit-learn's unfitted model."""

    def _fit_binary(self, examples: BinaryExamples, seed: int) -> BinaryModel:  # noqa: ARG002 - nothing is drawn
        size = examples.targets.size
        model = self._propagation(min(self.num_neighbors + 1, size))  # each row is its own nearest neighbour there
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early leaves a smoother labelling
            model.fit(examples.inputs, examples.targets)
        mass = model.label_distributions_
        total = mass.sum(axis=1)
        prior = float(examples.targets[examples.targets >= 0].mean())  # for nodes that no label reached
        node_scores = np.divide(mass[:, 1], total, out=np.full(size, prior), where=total > 0)
        return _NeighborMean(examples, node_scores, min(self.num_neighbors, size), prior)


class _NeighborMean:
    """Scores a row by the mean score of its nearest nodes, itself and its copies left out."""

    def __init__(self, examples: BinaryExamples, node_scores: Float64Array, num_neighbors: int, prior: float) -> None:
        self.hashes, self.node_scores, self.num_neighbors, self.prior = (
            examples.hashes,
            node_scores,
            num_neighbors,
            prior,
        )
        copies = int(np.unique(examples.hashes, return_counts=True)[1].max())
        looked_at = min(num_neighbors + copies, node_scores.size)
        self.index = NearestNeighbors(n_neighbors=looked_at, algorithm="brute").fit(examples.inputs)

    def __call__(self, inputs: Float32Array, hashes: HashArray) -> Float64Array:
        nodes = self.index.kneighbors(inputs, return_distance=False)
        usable = self.hashes[nodes] != hashes[:, None]
        usable &= np.cumsum(usable, axis=1) <= self.num_neighbors
        count = usable.sum(axis=1)
        total = (self.node_scores[nodes] * usable).sum(axis=1)
        scores: Float64Array = np.divide(total, count, out=np.full(len(nodes), self.prior), where=count > 0)
        return scores


@final
class LabelPropagationVerifier(_GraphVerifier):
    """Mean P(correct) of the nearest nodes of a graph over which verification labels were propagated, in [0, 1].

    Transductive (Zhu and Ghahramani, 2002): verified labels stay as they are and flow over a graph of nearest
    neighbours to the other nodes. A class with enough verified labels (see `SupervisedVerifier`) has its own graph:
    its verified rows and up to 500 unverified ones. All other classes share one, of up to `max_pooled` verified and
    2,000 unverified rows. Every row, new or one of the nodes, is scored as a new one: by the mean of its
    `num_neighbors` nearest nodes, itself and its copies left out; a verified row by a graph that it is not part of.

    Args:
        num_neighbors: edges of each node, and nodes that score a row.
        min_per_kind: as in `SupervisedVerifier`.
        max_pooled: as in `SupervisedVerifier`.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.
    """

    name: ClassVar[str] = "label-propagation"

    def _propagation(self, num_neighbors: int) -> LabelPropagation:
        return LabelPropagation(kernel="knn", n_neighbors=num_neighbors, max_iter=200, tol=1e-3)


@final
class LabelSpreadingVerifier(_GraphVerifier):
    """As `LabelPropagationVerifier`, but verified labels give way a little to those of their neighbours.

    Transductive (Zhou et al., 2004): in each round a node takes a share `alpha` of its labelling from its neighbours
    and keeps the rest of its verification label. Graphs, and how a row is scored, are those of
    `LabelPropagationVerifier`.

    Args:
        alpha: share taken from the neighbours, in (0, 1).
        num_neighbors: edges of each node, and nodes that score a row.
        min_per_kind: as in `SupervisedVerifier`.
        max_pooled: as in `SupervisedVerifier`.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.
    """

    name: ClassVar[str] = "label-spreading"

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        num_neighbors: int = 10,
        min_per_kind: int = 5,
        max_pooled: int = 3000,
        random_state: RandomState = 0,
        progress: Progress = silent,
    ) -> None:
        super().__init__(
            num_neighbors=num_neighbors,
            min_per_kind=min_per_kind,
            max_pooled=max_pooled,
            random_state=random_state,
            progress=progress,
        )
        if not 0 < alpha < 1:
            raise InvalidInputError(f"`alpha` must lie between 0 and 1, got {alpha}")
        self.alpha = alpha

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as JSON values."""
        return super().settings() | {"alpha": self.alpha}

    def _propagation(self, num_neighbors: int) -> LabelSpreading:
        return LabelSpreading(kernel="knn", n_neighbors=num_neighbors, alpha=self.alpha, max_iter=200, tol=1e-3)
