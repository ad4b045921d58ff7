"""What a CleanNet learns from, and how it is cut into batches: seeded, and able to go on where it was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from noisette.errors import NotVerifiedError
from noisette.types import CORRECT, UNVERIFIED
from noisette.verifier.cleannet.recipe import CleanNetRecipe


def to_tensor(array: npt.NDArray[Any]) -> Tensor:
    """Share memory with a float32 array; torch warns about memory that must not be written to, so that is copied."""
    return torch.from_numpy(np.require(array, dtype=np.float32, requirements=["C", "W"]))


@dataclass(frozen=True, eq=False)
class Pairs:
    """M (sample, label) pairs over n samples.

    Attributes:
        features: (n, D) raw features.
        rows: (M,) the row of `features` each pair is about.
        labels: (M,) class ids.
        targets: (M,) 1 correct, 0 mislabelled, -1 unverified.
    """

    features: Float[Tensor, "n D"]
    rows: Int[Tensor, "M"]
    labels: Int[Tensor, "M"]
    targets: Int[Tensor, "M"]

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, keep: Tensor) -> Pairs:
        """Give the pairs that a mask or index keeps; the features stay shared."""
        return Pairs(self.features, self.rows[keep], self.labels[keep], self.targets[keep])

    @staticmethod
    def unverified(features: Float[Tensor, "n D"], labels: Int[Tensor, "n"]) -> Pairs:
        """Make one unverified pair of each row."""
        return Pairs(features, torch.arange(len(labels)), labels, torch.full((len(labels),), UNVERIFIED))


@dataclass(frozen=True, eq=False)
class CleanNetData:
    """References (K, R, D), verified pairs and unverified ones. Pairs of classes without references are left out."""

    references: Float[Tensor, "K R D"]
    verified: Pairs
    unverified: Pairs

    @cached_property
    def has_references(self) -> Tensor:
        """(K,) mask of the classes that can be embedded."""
        return self.references.isfinite().all(dim=2).any(dim=1)

    def usable(self) -> CleanNetData:
        """Leave out the pairs whose class cannot be embedded."""
        verified, unverified = (p.where(self.has_references[p.labels]) for p in (self.verified, self.unverified))
        return CleanNetData(self.references, verified, unverified)

    @property
    def share_correct(self) -> float:
        """Share of correct pairs among the verified; 1 where nothing is verified."""
        return float((self.verified.targets == CORRECT).double().mean()) if len(self.verified) else 1.0


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's samples, and the classes to embed for them; `own` is each sample's place in `classes`."""

    features: Float[Tensor, "B D"]
    targets: Int[Tensor, "B"]
    classes: Int[Tensor, "C"]
    own: Int[Tensor, "B"]


class Batches:
    """Draws the batches of a training, one a step.

    Args:
        data: what to learn from.
        recipe: batch sizes and ways of sampling.
        generator: decides all; its state and `state()` together are all there is to save.

    Raises:
        NotVerifiedError: there is nothing that this recipe could learn from.
    """

    def __init__(self, data: CleanNetData, recipe: CleanNetRecipe, generator: torch.Generator) -> None:
        self.data, self.recipe, self.generator = data, recipe, generator
        self.queue = torch.empty(0, dtype=torch.int64)
        self.present = torch.nonzero(data.has_references)[:, 0]
        self.order = torch.argsort(data.unverified.labels, stable=True)
        _, self.counts = torch.unique(data.unverified.labels, return_counts=True)
        self.starts = self.counts.cumsum(0) - self.counts
        if not len(data.verified) and not (recipe.contrast_weight > 0 and len(data.unverified)):
            raise NotVerifiedError(
                "this recipe learns from verification labels alone, and there are none; verify some labels, or use "
                "recipe='default' with unverified samples"
            )

    def draw(self) -> Batch:
        """Give the next batch."""
        verified = self._next_verified()
        unverified = self._random_unverified()
        pairs = self.data.verified, self.data.unverified
        features = torch.cat([p.features[p.rows[i]] for p, i in zip(pairs, (verified, unverified), strict=True)])
        labels = torch.cat([p.labels[i] for p, i in zip(pairs, (verified, unverified), strict=True)])
        targets = torch.cat([p.targets[i] for p, i in zip(pairs, (verified, unverified), strict=True)])
        classes = self._classes(labels)
        return Batch(features, targets, classes, torch.searchsorted(classes, labels))

    def state(self) -> dict[str, Tensor]:
        """Give what is left of the running epoch."""
        return {"queue": self.queue}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on with the epoch that `state` gave."""
        self.queue = state["queue"]

    def _next_verified(self) -> Tensor:
        size = min(self.recipe.verified_per_step, len(self.data.verified))
        if len(self.queue) < size:
            epoch = torch.randperm(len(self.data.verified), generator=self.generator)
            self.queue = torch.cat([self.queue, epoch])
        batch, self.queue = self.queue[:size], self.queue[size:].clone()
        return batch

    def _random_unverified(self) -> Tensor:
        population = len(self.data.unverified)
        size = min(self.recipe.unverified_per_step, population)
        if size == 0:
            return torch.empty(0, dtype=torch.int64)
        if self.recipe.unverified_sampling == "rows":
            return torch.randint(population, (size,), generator=self.generator)
        group = torch.randint(len(self.counts), (size,), generator=self.generator)
        place = torch.rand(size, generator=self.generator, dtype=torch.float64) * self.counts[group]
        return self.order[self.starts[group] + place.long()]

    def _classes(self, labels: Tensor) -> Tensor:
        """Give the sorted ids of the classes to embed: those asked for and, for the contrast, random others."""
        asked: Tensor = torch.unique(labels)
        room = self.recipe.contrast_classes - len(asked)
        if self.recipe.contrast_weight == 0 or room <= 0:
            return asked
        others = self.present[~torch.isin(self.present, asked)]
        if len(others) > room:
            others = others[torch.randperm(len(others), generator=self.generator)[:room]]
        classes: Tensor = torch.cat([asked, others]).sort().values
        return classes
