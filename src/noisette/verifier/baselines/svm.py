"""The SVM baseline: a support vector machine with a Gaussian kernel on verification labels."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from noisette.errors import InvalidInputError
from noisette.types import Float32Array, Float64Array, HashArray, Progress, RandomState, silent
from noisette.verifier.baselines.supervised import BinaryExamples, BinaryModel, SupervisedVerifier

_CHUNK = 1024  # rows whose kernel with the support vectors is held at a time


@final
class SVMVerifier(SupervisedVerifier):
    """Decision value of a support vector machine: 0 on the boundary, about 1 and beyond for clearly correct labels.

    Gaussian kernel with gamma = 1 / (D variance of the inputs). See `SupervisedVerifier` for which samples are used.

    Args:
        inverse_penalty: `C` of scikit-learn's `SVC`.
        min_per_kind: as in `SupervisedVerifier`.
        max_pooled: as in `SupervisedVerifier`.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.
    """

    name: ClassVar[str] = "svm"

    def __init__(
        self,
        *,
        inverse_penalty: float = 1.0,
        min_per_kind: int = 5,
        max_pooled: int = 3000,
        random_state: RandomState = 0,
        progress: Progress = silent,
    ) -> None:
        super().__init__(min_per_kind=min_per_kind, max_pooled=max_pooled, random_state=random_state, progress=progress)
        if not inverse_penalty > 0:
            raise InvalidInputError(f"`inverse_penalty` must be above 0, got {inverse_penalty}")
        self.inverse_penalty = inverse_penalty

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as JSON values."""
        return super().settings() | {"inverse_penalty": self.inverse_penalty}

    def _fit_binary(self, examples: BinaryExamples, seed: int) -> BinaryModel:  # noqa: ARG002 - nothing is drawn
        # Inputs that are all the same have variance 0, for which "scale" is not defined.
        spread = float(examples.inputs.var())
        gamma = 1.0 / (examples.inputs.shape[1] * spread) if spread > 0 else 1.0
        model = SVC(C=self.inverse_penalty, gamma=gamma).fit(examples.inputs, examples.targets)
        support = examples.inputs[model.support_]
        weights, intercept = model.dual_coef_[0], float(model.intercept_[0])

        def predict(inputs: Float32Array, hashes: HashArray) -> Float64Array:  # noqa: ARG001 - see BinaryModel
            # libsvm's own loop over support vectors takes many times as long as this matrix product.
            parts = [inputs[start : start + _CHUNK] for start in range(0, len(inputs), _CHUNK)]
            return np.concatenate([rbf_kernel(part, support, gamma=gamma) @ weights + intercept for part in parts])

        return predict
