"""What the cross-fitting shell asks of one fitted model: scores, and arrays to save."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from noisette.errors import InvalidInputError
from noisette.types import Float64Array
from noisette.verifier.inputs import Query

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


class Scorer(ABC):
    """One fitted model. High scores mean that the label is more likely correct."""

    @abstractmethod
    def score(self, query: Query) -> Float64Array:
        """Give (B,) scores of the given labels."""

    @abstractmethod
    def score_classes(self, query: Query) -> Float64Array:
        """Give (B, K) scores of every class as the label; -inf for a class that cannot be suggested (no samples)."""

    def score_both(self, query: Query) -> tuple[Float64Array, Float64Array]:
        """Give `score` and `score_classes`; a model whose two scores share most of their work does it once."""
        return self.score(query), self.score_classes(query)

    @abstractmethod
    def to_arrays(self) -> Arrays:
        """Give what is needed to restore this model, as plain arrays."""


class ConstantScorer(Scorer):
    """Scores every label the same: all that can be learned from labels of one kind only."""

    def __init__(self, value: float, class_counts: npt.NDArray[Any]) -> None:
        self.value, self.class_counts = value, class_counts

    def score(self, query: Query) -> Float64Array:
        """Give the constant, (B,); NaN for a row that holds NaN or infinity."""
        return np.where(np.isfinite(query.features).all(axis=1), self.value, np.nan)

    def score_classes(self, query: Query) -> Float64Array:
        """Give the constant for every class with samples, (B, K)."""
        row = np.where(self.class_counts > 0, self.value, -np.inf)
        return np.tile(row, (query.given_labels.size, 1))

    def to_arrays(self) -> Arrays:
        """Give the constant."""
        return {"constant": np.array([self.value])}


def check_scores(scores: Float64Array, query: Query) -> None:
    """Check that every row of a query has a score.

    Raises:
        InvalidInputError: a row holds NaN or infinity, or gave no finite score.
    """
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        row = query.features[bad[0]]
        what = "NaN or infinity" if not np.isfinite(row).all() else f"a row {row[:4]}... whose score is NaN"
        raise InvalidInputError(
            f"`features` must hold finite numbers, got {what}; leave such rows out or extract them again"
        )
