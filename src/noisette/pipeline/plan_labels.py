"""The labels that a plan is about, and what the verified ones among them tell: classes known well, and the outlook."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from noisette.pipeline.score_tables import ScoreTable
from noisette.planning.label_weights import label_weights
from noisette.planning.outlook import ErrorOutlook, error_outlook
from noisette.planning.proposal import draw_sizes
from noisette.planning.regret import verdict_regret
from noisette.planning.removal import Removal
from noisette.scores.noise_rates import estimate_noise_rates
from noisette.store import ResolvedLabels
from noisette.types import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class PlannedLabels:
    """N labels that can be planned, or are verified already.

    Attributes:
        given: (N,) class ids in 0..K-1.
        truth: (N,) 1 correct, 0 mislabelled, -1 unverified.
        quality: (N,) P(given label is correct) by the verifier, or a rank that stands in for it.
        is_probability: False where it is such a rank.
        weights: (N,) of the verified labels, by the chance of their draw; None = all the same.
        num_classes: K.
    """

    given: IntArray
    truth: IntArray
    quality: Float64Array
    is_probability: bool
    weights: Float64Array | None
    num_classes: int

    @classmethod
    def of(
        cls, table: ScoreTable, decided: ResolvedLabels, rows: IntArray, quality: Float64Array, num_classes: int
    ) -> Self:
        """Take some rows of a score table."""
        given, truth = table.scores.given_label[rows], decided.verification_labels[rows]
        is_probability = not np.isnan(table.verifier_quality[rows]).any()
        weights = label_weights(given, truth, decided.inclusion_probabilities[rows], num_classes)
        return cls(given, truth, quality, is_probability, weights, num_classes)

    @cached_property
    def verified(self) -> IntArray:
        """(M,) the verified ones among them."""
        return np.flatnonzero(self.truth >= 0)

    def noise_widths(self) -> Float64Array:
        """Give the (K,) widths of the 95 % intervals of the classes' shares of wrong labels, in [0, 1]."""
        quality = self.quality if self.is_probability else None
        rates = estimate_noise_rates(self.given, quality, self.truth, self.num_classes, sample_weight=self.weights)
        return rates.high - rates.low

    def outlook(self, scores: Float64Array, audit_share: float) -> ErrorOutlook | None:
        """Say what more labels gain; `scores` (N,) are out of sample for the verified ones."""
        seen, rest = self.verified, np.flatnonzero(self.truth < 0)
        sizes = draw_sizes(self.quality, rest, seen)
        return error_outlook(
            scores[seen],
            self.truth[seen],
            self.given.size,
            sample_weight=None if self.weights is None else self.weights[seen],
            regret=float(verdict_regret(self.quality, seen).mean()) if self.is_probability else 0.0,
            removal=Removal.of(self.quality[rest], sizes, audit_share) if self.is_probability else None,
        )
