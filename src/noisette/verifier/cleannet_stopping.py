"""When to stop training a CleanNet: where classes that were left out are told best, looked at from all folds together.

Training teaches the network to compare first, and the verified classes' peculiarities next; how soon differs by a
factor of a hundred between data sets. The folds of the cross-fit leave whole classes out, so that each fold's held-out
pairs show what a number of steps does to a class that nobody verified.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from noisette.functional.detection_metrics import auroc
from noisette.types import Float64Array
from noisette.verifier.cleannet import CleanNet
from noisette.verifier.cleannet_batches import Pairs
from noisette.verifier.cleannet_validation import similarities

SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the recipe's steps at which the folds are looked at."""


def stops(num_steps: int) -> tuple[int, ...]:
    """Give the numbers of steps to choose from, ascending; 0 keeps the network as it was initialised."""
    return tuple(sorted({round(share * num_steps) for share in SHARES}))


@dataclass(eq=False)
class StopSearch:
    """Collects what the folds say of each number of steps."""

    scores: dict[int, list[Float64Array]] = field(default_factory=lambda: defaultdict(list))
    targets: list[np.ndarray] = field(default_factory=list)
    weights: dict[tuple[int, int], dict[str, Tensor]] = field(default_factory=dict)

    def observe(self, seed: int, step: int, net: CleanNet, *, references: Tensor, held_out: Pairs) -> None:
        """Take note of a fold's network (known by its seed) after some steps, and keep its weights."""
        self.scores[step].append(similarities(net, references, held_out).double().numpy())
        self.weights[seed, step] = copy.deepcopy(net.state_dict())

    def best(self) -> int:
        """Give the number of steps with the highest AUROC over all folds' held-out pairs; of equals the fewest."""
        targets = np.concatenate(self.targets)
        areas = {step: auroc(np.concatenate(scores), targets) for step, scores in sorted(self.scores.items())}
        return max(areas, key=lambda step: (areas[step], -step))
