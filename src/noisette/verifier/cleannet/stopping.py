"""When to stop training a CleanNet: where it tells most about the whole data set, verified classes and others.

Training teaches the network to compare first, and the verified classes' peculiarities next; how soon differs by a
factor of a hundred between data sets. The folds of the cross-fit leave whole classes out, so that each fold's held-out
pairs show what a number of steps does to a class that nobody verified; some pairs of the other classes are set aside to
show what it does to them. Each counts by the share of the samples that it speaks for.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from noisette.functional.detection_metrics import auroc
from noisette.types import BoolArray, Float64Array, IntArray
from noisette.verifier.cleannet.batches import Pairs
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.validation import similarities
from noisette.verifier.inputs import VerifiedPairs

SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the recipe's steps at which the folds are looked at."""
SET_ASIDE = 0.1
"""Share of a fold's own pairs that it does not learn from, to look at verified classes."""

MOST_LOST = 0.015
"""AUROC on left-out classes that may be given up, against the best number of steps for them."""


def stops(num_steps: int) -> tuple[int, ...]:
    """Give the numbers of steps to choose from, ascending; 0 keeps the network as it was initialised."""
    return tuple(sorted({round(share * num_steps) for share in SHARES}))


def set_aside(pairs: VerifiedPairs, seed: int) -> BoolArray:
    """Draw the (len(pairs),) mask of the pairs to set aside; all pairs of a row go the same way."""
    rows, inverse = np.unique(pairs.rows, return_inverse=True)
    chosen: BoolArray = (np.random.default_rng(seed).permutation(rows.size) < SET_ASIDE * rows.size)[inverse]
    return chosen


@dataclass(frozen=True, eq=False)
class Outlook:
    """Scores of some pairs that a fold's network did not learn from, and whether each pair is correct (1) or not."""

    scores: Float64Array
    targets: IntArray


@dataclass(eq=False)
class StopSearch:
    """Collects what the folds say of each number of steps.

    Args:
        inside_share: share of all samples whose class is verified, in [0, 1].
    """

    inside_share: float
    outside: dict[int, list[Outlook]] = field(default_factory=dict)
    inside: dict[int, list[Outlook]] = field(default_factory=dict)
    weights: dict[tuple[int, int], dict[str, Tensor]] = field(default_factory=dict)

    def observe(
        self, seed: int, step: int, net: CleanNet, *, references: Tensor, outside: Pairs, inside: Pairs
    ) -> None:
        """Take note of a fold's network (known by its seed) after some steps, and keep its weights."""
        for found, pairs in ((self.outside, outside), (self.inside, inside)):
            scores = similarities(net, references, pairs).double().numpy()
            found.setdefault(step, []).append(Outlook(scores, pairs.targets.numpy()))
        self.weights[seed, step] = copy.deepcopy(net.state_dict())

    def best(self) -> int:
        """Give the number of steps with the highest expected AUROC over the data set; of equals the fewest.

        Steps that cost classes nobody verified more than `MOST_LOST` are not taken, whatever they bring elsewhere.
        """
        outside = {step: _pooled_auroc(self.outside[step]) for step in sorted(self.outside)}
        least = max(outside.values()) - MOST_LOST
        expected = {step: self._expected_auroc(step) for step, value in outside.items() if value >= least}
        return max(expected, key=lambda step: (expected[step], -step))

    def _expected_auroc(self, step: int) -> float:
        outside, inside = _pooled_auroc(self.outside[step]), _pooled_auroc(self.inside[step])
        if np.isnan(inside):  # too few pairs set aside to hold both kinds
            inside = outside
        return self.inside_share * inside + (1 - self.inside_share) * outside


def _pooled_auroc(parts: list[Outlook]) -> float:
    targets = np.concatenate([part.targets for part in parts])
    if np.unique(targets).size < 2:
        return float("nan")
    return auroc(np.concatenate([part.scores for part in parts]), targets)
