"""How many of the wrong verdicts are gone once labels that `plan` chose are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import brentq

from noisette.types import Float64Array

_GROUPS = 500


@dataclass(frozen=True, eq=False)
class Removal:
    """Unverified labels, in groups of equal size that are drawn alike.

    Labels are drawn one after the other without replacement, in proportion to their size (successive sampling; Rosen,
    1972): after a time t each is still there with chance exp(-t size), and t follows from how many are drawn.

    Attributes:
        sizes: (G,) how often labels of a group are drawn, relative to each other; > 0.
        counts: (G,) labels in each group.
        doubts: (G,) expected wrong verdicts in each group.
    """

    sizes: Float64Array
    counts: Float64Array
    doubts: Float64Array

    @classmethod
    def of(cls, label_quality: Float64Array, sizes: Float64Array, audit_share: float) -> Self:
        """Group unverified labels.

        Args:
            label_quality: (N,) P(correct) in [0, 1]; a verdict is wrong with the chance min(p, 1 - p).
            sizes: (N,) numbers > 0 in proportion to which the chosen labels are drawn.
            audit_share: share in [0, 1] of the labels that is drawn uniformly.
        """
        mixed = audit_share + (1 - audit_share) * sizes / sizes.mean() if sizes.size else sizes
        doubts = np.minimum(label_quality, 1 - label_quality)
        order = np.argsort(mixed, kind="stable")
        parts = [part for part in np.array_split(order, _GROUPS) if part.size]
        return cls(
            np.array([mixed[part].mean() for part in parts]),
            np.array([float(part.size) for part in parts]),
            np.array([doubts[part].sum() for part in parts]),
        )

    def left_after(self, more: int) -> float:
        """Give the share of wrong verdicts, in [0, 1], that are left once `more` labels are checked."""
        size, total = float(self.counts.sum()), float(self.doubts.sum())
        if more >= size or total == 0:
            return 0.0 if more >= size else 1 - more / size
        if more <= 0:
            return 1.0

        def drawn(time: float) -> float:
            return float(self.counts @ -np.expm1(-time * self.sizes)) - more

        # If all were as small as the smallest, it would take this long.
        longest = -np.log1p(-more / size) / float(self.sizes.min())
        time = brentq(drawn, 0.0, longest * (1 + 1e-9) + 1e-12)
        return float(self.doubts @ np.exp(-time * self.sizes)) / total
