"""Classification filtering: does an out-of-sample classifier, trained on the noisy labels, agree with the label?"""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
from scipy.special import expit

from noisette.errors import InvalidInputError
from noisette.types import Float64Array, Progress, RandomState, silent
from noisette.verifier.base import Verifier
from noisette.verifier.baselines.linear_models import fit_linear_models, linear_probabilities
from noisette.verifier.baselines.row_samples import MAX_NUMBERS, sample_rows
from noisette.verifier.inputs import Query, TrainingData, VerifiedPairs, check_finite
from noisette.verifier.scorer import Arrays, Scorer

LEAST_PROBABILITY = 1e-12


@final
class FilteringVerifier(Verifier):
    """Log of p[given] over the largest other class probability; high = more likely correct, 0 = a draw.

    The "classification filtering" baseline of Lee et al. (CVPR 2018). At 0, its threshold without verification labels,
    it asks whether the classifier predicts the given label. (A difference instead of the ratio gives the same verdicts,
    and ranks worse where there are many classes and all probabilities are small.) The probabilities are `pred_probs`
    where given; then `fit` and the scoring methods both need them. Otherwise five logistic regressions on the features
    give them. A row's fold follows from a hash of its content, and the fold's model was fitted on the other folds; so
    any row, seen or new, is scored by a model that was not fitted on it. They are fitted on at most 2^25 / D rows
    (128 MB), drawn evenly from the classes; a class that the model has not seen has probability 0.

    Args:
        inverse_penalty: `C` of scikit-learn's logistic regression on features of variance 1; low = strong L2 penalty.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.

    Example:
        >>> import numpy as np
        >>> probs = np.array([[0.9, 0.1], [0.2, 0.8]])
        >>> verifier = FilteringVerifier().fit(np.eye(2), [0, 0], pred_probs=probs, class_names=["cat", "dog"])
        >>> verifier.predict(np.eye(2), [0, 0], pred_probs=probs)
        array([ True, False])
    """

    name: ClassVar[str] = "filtering"
    needs_verification: ClassVar[bool] = False

    def __init__(
        self, *, inverse_penalty: float = 3e-3, random_state: RandomState = 0, progress: Progress = silent
    ) -> None:
        super().__init__(random_state=random_state, progress=progress)
        if not inverse_penalty > 0:
            raise InvalidInputError(f"`inverse_penalty` must be above 0, got {inverse_penalty}")
        self.inverse_penalty = inverse_penalty

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as JSON values."""
        return super().settings() | {"inverse_penalty": self.inverse_penalty}

    def _prepare(self, data: TrainingData, seed: int) -> Arrays:
        present = {"present": data.class_counts > 0}
        if data.pred_probs is not None:
            return present
        limit = max(data.num_classes, MAX_NUMBERS // data.table.num_features)
        rows = sample_rows(data.given_labels, limit, np.random.default_rng(seed))
        features = data.table.take(rows)
        check_finite(features, rows)
        labels = data.given_labels[rows]
        return present | fit_linear_models(features, labels, data.num_classes, self.inverse_penalty)

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:  # noqa: ARG002
        return _RatioScorer(context)

    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:  # noqa: ARG002
        return _RatioScorer(context)

    def _natural_threshold(self) -> float:
        return 0.0

    def _natural_quality(self, scores: Float64Array) -> Float64Array:
        return np.asarray(expit(scores), dtype=np.float64)


def log_ratios(probabilities: Float64Array) -> Float64Array:
    """Log of each class probability over the largest of the others, (B, K); 0 where the two best are equally likely.

    Probabilities below 1e-12 count as 1e-12, so every ratio is finite; a single class has no rival but that floor.
    """
    logs = np.log(np.maximum(probabilities, LEAST_PROBABILITY))
    if logs.shape[1] == 1:
        alone: Float64Array = logs - np.log(LEAST_PROBABILITY)
        return alone
    return margins(logs)


def margins(values: Float64Array) -> Float64Array:
    """Give each of (B, K) values less the largest of the others in its row; K must be 2 or more."""
    second, top = np.partition(values, -2, axis=1)[:, -2:].T
    rows, best = np.arange(top.size), values.argmax(axis=1)
    result: Float64Array = values - top[:, None]
    result[rows, best] = top - second
    return result


class _RatioScorer(Scorer):
    def __init__(self, context: Arrays) -> None:
        self.models = context

    def score(self, query: Query) -> Float64Array:
        return self._ratios(query)[np.arange(query.given_labels.size), query.given_labels]

    def score_classes(self, query: Query) -> Float64Array:
        return np.where(self.models["present"], self._ratios(query), -np.inf)

    def to_arrays(self) -> Arrays:
        return {}

    def _ratios(self, query: Query) -> Float64Array:
        if query.pred_probs is not None:
            return log_ratios(query.pred_probs)
        if "weights" not in self.models:
            raise InvalidInputError(
                "`pred_probs` is needed: this FilteringVerifier was fitted with `pred_probs`; pass those of these "
                "rows too, or fit it without to score by logistic regression on the features"
            )
        return log_ratios(linear_probabilities(query.features, query.hashes, self.models))
