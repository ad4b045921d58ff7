"""The average baseline: cosine to the mean of the class."""

from __future__ import annotations

from typing import ClassVar, final

from noisette.types import Float64Array
from noisette.verifier.base import Verifier
from noisette.verifier.baselines.class_means import class_means, cosine_to_all, cosine_to_given
from noisette.verifier.inputs import Query, TrainingData, VerifiedPairs
from noisette.verifier.scorer import Arrays, Scorer


@final
class AverageVerifier(Verifier):
    """Cosine between a sample's features and the mean features of its given class, in [-1, 1].

    The weakly supervised "average baseline" of Lee et al. (CVPR 2018): verification labels choose the threshold and the
    calibrator, never the ranking; without any it still ranks. The mean is over all samples given the class, noisy ones
    and the scored one included (its part in the mean does not depend on whether its label is right). One pass over the
    table, O(K D) memory.

    Args:
        random_state: as in `Verifier`; deals the cross-fitting folds only.
        progress: as in `Verifier`.

    Example:
        >>> import numpy as np
        >>> features = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0], [1.0, 0.0]])
        >>> scores = AverageVerifier().fit(features, [0, 0, 1, 1, 1]).score_samples(features, [0, 0, 1, 1, 1])
        >>> int(scores.argmin())
        4
    """

    name: ClassVar[str] = "average"
    needs_verification: ClassVar[bool] = False

    def _prepare(self, data: TrainingData, seed: int) -> Arrays:  # noqa: ARG002 - nothing is drawn
        return {"means": class_means(data.table, data.given_labels, data.num_classes)}

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:  # noqa: ARG002
        return _MeanScorer(context)

    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:  # noqa: ARG002
        return _MeanScorer(context)


class _MeanScorer(Scorer):
    def __init__(self, context: Arrays) -> None:
        self.means = context["means"]

    def score(self, query: Query) -> Float64Array:
        return cosine_to_given(query.features, query.given_labels, self.means)

    def score_classes(self, query: Query) -> Float64Array:
        return cosine_to_all(query.features, self.means)

    def to_arrays(self) -> Arrays:
        return {}
