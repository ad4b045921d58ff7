"""The kNN baseline: share of correct labels among the nearest verified samples."""

from __future__ import annotations

from typing import Any, ClassVar, final

from sklearn.neighbors import KNeighborsClassifier

from noisette.types import Float32Array, Float64Array, HashArray, Progress, RandomState, silent
from noisette.verifier.baselines.supervised import BinaryExamples, BinaryModel, SupervisedVerifier, check_at_least


@final
class KNNVerifier(SupervisedVerifier):
    """Share of correct labels among the k nearest verified samples, weighted by 1 / distance, in [0, 1].

    See `SupervisedVerifier` for which samples are compared. A verified row is scored by a model without it and without
    its copies, so that it is never its own neighbour.

    Args:
        num_neighbors: k; all verified samples where there are fewer.
        min_per_kind: as in `SupervisedVerifier`.
        max_pooled: as in `SupervisedVerifier`.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.
    """

    name: ClassVar[str] = "knn"

    def __init__(
        self,
        *,
        num_neighbors: int = 15,
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

    def _fit_binary(self, examples: BinaryExamples, seed: int) -> BinaryModel:  # noqa: ARG002 - nothing is drawn
        neighbors = min(self.num_neighbors, examples.targets.size)
        model = KNeighborsClassifier(neighbors, weights="distance", algorithm="brute")
        model.fit(examples.inputs, examples.targets)

        def predict(inputs: Float32Array, hashes: HashArray) -> Float64Array:  # noqa: ARG001 - see BinaryModel
            share: Float64Array = model.predict_proba(inputs)[:, 1]
            return share

        return predict
