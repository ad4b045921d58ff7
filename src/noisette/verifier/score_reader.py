"""What a fitted verifier makes of raw scores: probabilities, verdicts, weights. No features are needed for that."""

from __future__ import annotations

from typing import Literal

import numpy as np

from noisette.errors import InvalidInputError, NotFittedError, NotVerifiedError
from noisette.types import BoolArray, Float64Array
from noisette.verifier.rules import DecisionRules

WeightKind = Literal["soft", "hard"]


class ScoreReader:
    """The part of a verifier that reads scores by the rules learned in `fit`; see `noisette.verifier.base.Verifier`."""

    class_names: tuple[str, ...] | None
    rules: DecisionRules

    def quality_of_scores(self, scores: Float64Array) -> Float64Array:
        """Turn raw scores into calibrated P(correct).

        Raises:
            NotVerifiedError: no verification labels were given and the method has no probability of its own.
        """
        self._check_fitted()
        if self.rules.calibrator is not None:
            return self.rules.calibrator(scores)
        natural = self._natural_quality(scores)
        if natural is None:
            raise NotVerifiedError(
                f"{type(self).__name__} needs verification labels of both kinds, correct and mislabelled, to turn "
                "scores into probabilities; verify some and fit again, or rank by `score_samples`"
            )
        return natural

    def verdict_of_scores(self, scores: Float64Array) -> BoolArray:
        """Turn raw scores into verdicts, True = correct, by the threshold chosen in `fit`.

        Raises:
            NotVerifiedError: no verification labels were given and the method has no threshold of its own.
        """
        self._check_fitted()
        return self.rules.verdict(scores)

    def weight_of_scores(self, scores: Float64Array, kind: WeightKind = "soft") -> Float64Array:
        """Turn raw scores into sample weights, see `sample_weight`."""
        if kind == "hard":
            return self.verdict_of_scores(scores).astype(np.float64)
        if kind != "soft":
            raise InvalidInputError(f"`kind` must be 'soft' or 'hard', got {kind!r}")
        return self._soft_weight(scores)

    def _soft_weight(self, scores: Float64Array) -> Float64Array:
        return self.quality_of_scores(scores)

    def _natural_quality(self, scores: Float64Array) -> Float64Array | None:  # noqa: ARG002 - the default has none
        """P(correct) that holds without any verification label, where the method has one."""
        return None

    def _check_fitted(self) -> None:
        if self.class_names is None:
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call `fit` first")
