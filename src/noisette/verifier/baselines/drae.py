"""DRAE: a discriminative reconstruction auto-encoder a class; badly reconstructed samples are taken for mislabelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, final

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from noisette.errors import InvalidInputError
from noisette.types import Float32Array, Float64Array, IntArray, Progress, RandomState, silent
from noisette.verifier.base import Verifier
from noisette.verifier.baselines.autoencoders import AutoEncoders, train_autoencoders
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.baselines.row_samples import sample_rows
from noisette.verifier.baselines.supervised import check_at_least
from noisette.verifier.inputs import Query, TrainingData, VerifiedPairs, check_finite
from noisette.verifier.scorer import Arrays, Scorer

_BLOCK_NUMBERS = 1 << 23  # numbers in the padded inputs of the classes that are trained at once: 32 MB
_SMALLEST_ERROR = 1e-12  # keeps the logarithm finite for rows that are reconstructed exactly


@final
class DRAEVerifier(Verifier):
    """Log of (threshold of the class / reconstruction error of the sample): 0 is the threshold, high = inlier.

    Unsupervised: Xia et al., "Learning discriminative reconstructions for unsupervised outlier removal" (ICCV 2015),
    one of the baselines of Lee et al. (CVPR 2018). Each class has an auto-encoder; the threshold minimises within-group
    / total variance of the errors, is renewed in each epoch, and only the low group is learned. Rows seen in `fit` are
    scored by the auto-encoder that learned them, as in the paper; no verification label takes part in that.

    Inputs are unit features. At most `max_rows` rows of a class are learned. Memory: 2 K D H numbers for the models,
    and 32 MB of inputs at a time (more only where `max_rows` rows of one class need more).

    Args:
        hidden_units: H, size of the hidden layer.
        num_epochs: steps of Adam on all rows of a class.
        split_weight: weight of the variance ratio in the loss, >= 0.
        max_rows: largest number of rows of a class to learn from, drawn at random.
        random_state: as in `Verifier`.
        progress: as in `Verifier`.
    """

    name: ClassVar[str] = "drae"
    needs_verification: ClassVar[bool] = False

    def __init__(
        self,
        *,
        hidden_units: int = 32,
        num_epochs: int = 100,
        split_weight: float = 0.1,
        max_rows: int = 500,
        random_state: RandomState = 0,
        progress: Progress = silent,
    ) -> None:
        super().__init__(random_state=random_state, progress=progress)
        for name, value in (("hidden_units", hidden_units), ("num_epochs", num_epochs), ("max_rows", max_rows)):
            check_at_least(name, value, 1)
        if not split_weight >= 0:
            raise InvalidInputError(f"`split_weight` must be at least 0, got {split_weight}")
        self.hidden_units, self.num_epochs = hidden_units, num_epochs
        self.split_weight, self.max_rows = split_weight, max_rows

    def settings(self) -> dict[str, Any]:
        """Give the constructor arguments as JSON values."""
        names = ("hidden_units", "num_epochs", "split_weight", "max_rows")
        return super().settings() | {name: getattr(self, name) for name in names}

    def _prepare(self, data: TrainingData, seed: int) -> Arrays:
        rows = sample_rows(data.given_labels, data.table.num_rows, np.random.default_rng(seed), per_class=self.max_rows)
        rows = rows[np.argsort(data.given_labels[rows], kind="stable")]
        classes, counts = np.unique(data.given_labels[rows], return_counts=True)
        starts = np.concatenate([[0], np.cumsum(counts)])
        context = _empty_context(data.num_classes, data.table.num_features, self.hidden_units)
        generator = torch.Generator().manual_seed(seed)
        for first, last in _blocks(counts, data.table.num_features):
            self.progress("auto-encoders", first, classes.size)
            part = rows[starts[first] : starts[last]]
            features = data.table.take(part)
            check_finite(features, part)
            models, thresholds = self._train(_pad(_inputs(features), counts[first:last]), generator)
            for name, values in zip(models._fields, models, strict=True):
                context[name][classes[first:last]] = values.numpy()
            context["thresholds"][classes[first:last]] = thresholds.numpy()
        return context

    def _train(self, padded: tuple[Tensor, Tensor], generator: torch.Generator) -> tuple[AutoEncoders, Tensor]:
        return train_autoencoders(
            *padded,
            hidden_units=self.hidden_units,
            num_epochs=self.num_epochs,
            split_weight=self.split_weight,
            learning_rate=3e-3,
            generator=generator,
        )

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:  # noqa: ARG002
        return _ErrorScorer(context)

    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:  # noqa: ARG002
        return _ErrorScorer(context)

    def _natural_threshold(self) -> float:
        return 0.0

    def _natural_quality(self, scores: Float64Array) -> Float64Array:
        quality: Float64Array = expit(scores)  # threshold / (threshold + error)
        return quality


class _ErrorScorer(Scorer):
    def __init__(self, context: Arrays) -> None:
        self.thresholds = context["thresholds"]
        self.models = AutoEncoders(*(torch.from_numpy(context[name]) for name in AutoEncoders._fields))

    def score(self, query: Query) -> Float64Array:
        scores, inputs = np.empty(query.given_labels.size), _inputs(query.features)
        for label in np.unique(query.given_labels):
            rows = np.flatnonzero(query.given_labels == label)
            scores[rows] = self._scores(inputs[rows], int(label))
        return scores

    def score_classes(self, query: Query) -> Float64Array:
        scores, inputs = np.full((query.given_labels.size, self.thresholds.size), -np.inf), _inputs(query.features)
        for label in np.flatnonzero(~np.isnan(self.thresholds)):
            scores[:, label] = self._scores(inputs, int(label))
        return scores

    def to_arrays(self) -> Arrays:
        return {}

    def _scores(self, inputs: Float32Array, label: int) -> Float64Array:
        """Scores of (B, D) inputs as members of one class."""
        model = AutoEncoders(*(parameter[label : label + 1] for parameter in self.models))
        errors = model.errors(torch.from_numpy(inputs)[None])[0].numpy().astype(np.float64)
        threshold = max(float(self.thresholds[label]), _SMALLEST_ERROR)
        scores: Float64Array = np.log(threshold / np.maximum(errors, _SMALLEST_ERROR))
        return scores


def _inputs(features: Float32Array) -> Float32Array:
    # Times sqrt(D), so that the numbers are near 1 whatever the feature size is.
    inputs: Float32Array = unit_rows(features) * np.float32(np.sqrt(features.shape[1]))
    return inputs


def _blocks(counts: IntArray, num_features: int) -> Iterator[tuple[int, int]]:
    """Cut the classes into runs whose padded inputs have at most `_BLOCK_NUMBERS` numbers, one class at least."""
    first = 0
    while first < counts.size:
        longest = np.maximum.accumulate(counts[first:])
        padded = longest * np.arange(1, longest.size + 1) * num_features
        last = first + max(1, int(np.searchsorted(padded, _BLOCK_NUMBERS, side="right")))
        yield first, last
        first = last


def _pad(inputs: Float32Array, counts: IntArray) -> tuple[Tensor, Tensor]:
    """Give (C, n, D) inputs and the (C, n) mask of those that are not padding; rows come class after class."""
    valid = np.arange(counts.max()) < counts[:, None]
    padded = np.zeros((*valid.shape, inputs.shape[1]), dtype=np.float32)
    padded[valid] = inputs
    return torch.from_numpy(padded), torch.from_numpy(valid)


def _empty_context(num_classes: int, num_features: int, hidden_units: int) -> Arrays:
    shapes = {
        "center": (num_classes, num_features),
        "encoder": (num_classes, num_features, hidden_units),
        "encoder_bias": (num_classes, hidden_units),
        "decoder": (num_classes, hidden_units, num_features),
        "decoder_bias": (num_classes, num_features),
        "thresholds": (num_classes,),
    }
    return {name: np.full(shape, np.nan, dtype=np.float32) for name, shape in shapes.items()}
