"""The naive baseline: every label is correct."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self, final

from noisette.types import Float64Array
from noisette.verifier.base import Verifier
from noisette.verifier.inputs import TrainingData, VerifiedPairs
from noisette.verifier.scorer import Arrays, ConstantScorer, Scorer


@final
class NaiveVerifier(Verifier):
    """Calls every label correct: its error is the noise rate, the figure every other verifier must beat.

    All scores are 1 and the threshold is 0.5, whatever the verification labels say; with them `label_quality` is the
    share of correct ones, without them 1.

    Args:
        random_state: as in `Verifier`; has no influence on the scores.
        progress: as in `Verifier`.

    Example:
        >>> import numpy as np
        >>> features = np.eye(4)
        >>> NaiveVerifier().fit(features, [0, 0, 1, 1]).predict(features, [0, 0, 1, 1])
        array([ True,  True,  True,  True])
    """

    name: ClassVar[str] = "naive"
    needs_verification: ClassVar[bool] = False

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:  # noqa: ARG002
        return ConstantScorer(1.0, data.class_counts)

    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:  # noqa: ARG002
        return ConstantScorer(1.0, self.class_counts)

    def _fit(self, data: TrainingData) -> Self:
        super()._fit(data)
        self.rules = replace(self.rules, threshold=self._natural_threshold())
        return self

    def _natural_threshold(self) -> float:
        return 0.5

    def _natural_quality(self, scores: Float64Array) -> Float64Array:
        return scores
