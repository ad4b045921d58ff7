"""How a CleanNet is trained, as one frozen record: the published recipe, and a faster one for few verified classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, TypeAlias

from noisette.errors import InvalidInputError

RecipeName: TypeAlias = Literal["default", "paper"]


@dataclass(frozen=True, kw_only=True)
class CleanNetRecipe:
    """Every setting of the training. The defaults are the recipe "default"; `PAPER` holds the published values.

    Attributes:
        num_steps: steps of the optimiser.
        optimizer: "sgd" (with `momentum`) or "adam".
        learning_rate: highest learning rate.
        schedule: "cosine" = down to 0 along a half cosine; "drop" = a tenth from half of the steps on.
        warmup_steps: steps over which the learning rate climbs linearly at first.
        momentum: of "sgd".
        weight_decay: strength c of the L2 term ``0.5 * c * ||W||^2`` on weight matrices (no biases, no context).
        dropout: share of the reference encoder's first hidden layer dropped in training.
        auto_normalization: what `normalization="auto"` means: "auto" = `CleanNet`'s; "log" = the published one for
            features without negative numbers, "l2" for others.
        initialization: "informed" = both encoders start as one linear map, a whitening of the features turned towards
            what separates the given classes; "xavier" = random.
        whitening_shrinkage: floor under the eigenvalues in that map, in units of their mean.
        other_shrinkages: further ones to choose from, by how well the untrained network tells the verified labels.
        initial_scale: root mean square of the first layer's sums at the start, small enough for tanh to be near linear.
        initial_noise: share of the random weights kept under the informed ones.
        verified_per_step: verified pairs a step, from shuffled epochs.
        unverified_per_step: unverified samples a step; 0 leaves them out.
        unverified_sampling: "rows" = uniformly; "classes" = a class uniformly, then a sample of it.
        contrast_classes: classes embedded a step for the contrast: the batch's and random others, up to this many.
        cosine_weight: weight of the published loss on similarities, verified and self-reinforcing.
        negative_weight: weight of mislabelled samples in it (omega).
        margin: similarity below which a mislabelled sample costs nothing (rho).
        unsupervised_weight: weight of unverified samples in it (gamma).
        reconstruction_weight: weight of the reconstruction (beta).
        ranking_weight: weight of `functional.class_losses.ranking_loss` over the verified pairs.
        ranking_scale: its steepness.
        contrast_weight: weight of `functional.class_losses.contrast_loss` over all samples, in which a verified sample
            counts by its label and an unverified one by the share of correct labels among the verified.
        contrast_scale: its inverse temperature.
        validation_interval: steps between two validations and checkpoints.
        stopping: "leave-classes-out" = the verifier stops at the share of `num_steps` that tells left-out classes best
            (`stopping`); "never" = it does all steps.
        few_classes_share: share of `num_steps` done where too few classes are verified to leave any out.
        patience: validations without a better one before training stops; None = never.
    """

    num_steps: int = 100
    optimizer: Literal["sgd", "adam"] = "adam"
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "drop"] = "cosine"
    warmup_steps: int = 20
    momentum: float = 0.9
    weight_decay: float = 0.0
    dropout: float = 0.0
    auto_normalization: Literal["auto", "log"] = "auto"
    initialization: Literal["informed", "xavier"] = "informed"
    whitening_shrinkage: float = 3.0
    other_shrinkages: tuple[float, ...] = (0.3, 30.0, 1000.0)
    initial_scale: float = 0.3
    initial_noise: float = 0.1
    verified_per_step: int = 128
    unverified_per_step: int = 512
    unverified_sampling: Literal["rows", "classes"] = "rows"
    contrast_classes: int = 256
    cosine_weight: float = 0.0
    negative_weight: float = 3.0
    margin: float = 0.1
    unsupervised_weight: float = 0.0
    reconstruction_weight: float = 0.0
    ranking_weight: float = 1.0
    ranking_scale: float = 10.0
    contrast_weight: float = 0.3
    contrast_scale: float = 10.0
    stopping: Literal["leave-classes-out", "never"] = "leave-classes-out"
    few_classes_share: float = 0.05
    validation_interval: int = 25
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("num_steps", "verified_per_step", "contrast_classes", "validation_interval"):
            if getattr(self, name) < 1:
                raise InvalidInputError(f"`{name}` must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "ranking_scale", "contrast_scale", "negative_weight"):
            if not getattr(self, name) > 0:
                raise InvalidInputError(f"`{name}` must be above 0, got {getattr(self, name)}")
        weights = [f"{term}_weight" for term in ("cosine", "ranking", "contrast", "reconstruction", "unsupervised")]
        for name in (*weights, "weight_decay", "unverified_per_step", "warmup_steps"):
            if not getattr(self, name) >= 0:
                raise InvalidInputError(f"`{name}` must be 0 or more, got {getattr(self, name)}")
        if not any(getattr(self, name) for name in weights[:3]):
            raise InvalidInputError(f"one of {', '.join(weights[:3])} must be above 0, or there is nothing to learn")
        _check_choices(self)
        object.__setattr__(self, "other_shrinkages", tuple(map(float, self.other_shrinkages)))  # JSON has lists only

    def learning_rate_at(self, step: int) -> float:
        """Give the learning rate of step 0, 1, ..., `num_steps` - 1."""
        warmup = min(1.0, (step + 1) / max(1, self.warmup_steps))
        if self.schedule == "drop":
            return self.learning_rate * warmup * (0.1 if step >= self.num_steps / 2 else 1.0)
        return self.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * step / self.num_steps))

    def to_json(self) -> dict[str, Any]:
        """Give the recipe as JSON values; `as_recipe` reads them."""
        return asdict(self) | {"other_shrinkages": list(self.other_shrinkages)}


_CHOICES = {
    "optimizer": ("sgd", "adam"),
    "schedule": ("cosine", "drop"),
    "auto_normalization": ("auto", "log"),
    "initialization": ("informed", "xavier"),
    "stopping": ("leave-classes-out", "never"),
    "unverified_sampling": ("rows", "classes"),
}


def _check_choices(recipe: CleanNetRecipe) -> None:
    for name, allowed in _CHOICES.items():
        if getattr(recipe, name) not in allowed:
            raise InvalidInputError(f"`{name}` must be one of {allowed}, got {getattr(recipe, name)!r}")


DEFAULT = CleanNetRecipe()
PAPER = CleanNetRecipe(
    num_steps=60_000,
    optimizer="sgd",
    learning_rate=0.01,
    schedule="drop",
    warmup_steps=0,
    weight_decay=1e-4,
    auto_normalization="log",
    initialization="xavier",
    verified_per_step=32,
    unverified_per_step=32,
    unverified_sampling="classes",
    cosine_weight=1.0,
    negative_weight=5.0,
    unsupervised_weight=0.1,
    reconstruction_weight=0.1,
    ranking_weight=0.0,
    contrast_weight=0.0,
    stopping="never",
    validation_interval=2000,
)
"""Lee et al., CVPR 2018, with the reference implementation's optimiser; `replace(PAPER, num_steps=...)` shortens it."""
RECIPES: dict[str, CleanNetRecipe] = {"default": DEFAULT, "paper": PAPER}


def as_recipe(recipe: str | CleanNetRecipe | Mapping[str, Any]) -> CleanNetRecipe:
    """Give a recipe by its name, as it is, or from `CleanNetRecipe.to_json`.

    Raises:
        InvalidInputError: there is no such recipe or setting.

    Example:
        >>> as_recipe("paper").num_steps
        60000
        >>> as_recipe({"num_steps": 3}).num_steps
        3
    """
    if isinstance(recipe, CleanNetRecipe):
        return recipe
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            known_names = ", ".join(map(repr, RECIPES))
            raise InvalidInputError(f"`recipe` must be one of {known_names} or a CleanNetRecipe, got {recipe!r}")
        return RECIPES[recipe]
    known = {field.name for field in fields(CleanNetRecipe)}
    unknown = sorted(set(recipe) - known)
    if unknown:
        raise InvalidInputError(f"`recipe` has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}")
    return replace(DEFAULT, **recipe)
