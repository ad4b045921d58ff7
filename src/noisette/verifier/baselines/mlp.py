"""The MLP baseline: a small neural network on verification labels."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, final

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from noisette.types import Float32Array, Float64Array, HashArray, Progress, RandomState, silent
from noisette.verifier.baselines.supervised import BinaryExamples, BinaryModel, SupervisedVerifier, check_at_least


@final
class MLPVerifier(SupervisedVerifier):
    """P(correct) in [0, 1] of a network with one hidden layer, on inputs scaled to mean 0 and variance 1.

    See `SupervisedVerifier` for which samples are used.

    Args:
        hidden_units: size of the hidden layer.
        max_epochs: largest number of passes over the verified samples.
        min_per_kind: as in `SupervisedVerifier`.
        max_pooled: as in `SupervisedVerifier`.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.
    """

    name: ClassVar[str] = "mlp"

    def __init__(
        self,
        *,
        hidden_units: int = 64,
        max_epochs: int = 50,
        min_per_kind: int = 5,
        max_pooled: int = 3000,
        random_state: RandomState = 0,
        progress: Progress = silent,
    ) -> None:
        super().__init__(min_per_kind=min_per_kind, max_pooled=max_pooled, random_state=random_state, progress=progress)
        check_at_least("hidden_units", hidden_units, 1)
        check_at_least("max_epochs", max_epochs, 1)
        self.hidden_units, self.max_epochs = hidden_units, max_epochs

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as JSON values."""
        return super().settings() | {"hidden_units": self.hidden_units, "max_epochs": self.max_epochs}

    def _fit_binary(self, examples: BinaryExamples, seed: int) -> BinaryModel:
        # The penalty is high for scikit-learn's taste: a class has more features than verified samples.
        network = MLPClassifier((self.hidden_units,), alpha=1.0, max_iter=self.max_epochs, random_state=seed)
        model = make_pipeline(StandardScaler(), network)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are a setting
            model.fit(examples.inputs.astype("f8"), examples.targets)

        def predict(inputs: Float32Array, hashes: HashArray) -> Float64Array:  # noqa: ARG001 - see BinaryModel
            probability: Float64Array = model.predict_proba(inputs.astype("f8"))[:, 1]
            return probability

        return predict
