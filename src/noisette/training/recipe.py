"""How a classifier is trained, in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from noisette.errors import InvalidInputError

OptimizerName = Literal["sgd", "adamw"]
Schedule = Literal["cosine", "steps", "constant"]
Sampling = Literal["shuffle", "balanced", "weighted"]
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """Options of `train_classifier`.

    Attributes:
        epochs: passes over the training set.
        batch_size: samples a step and process.
        optimizer: "sgd" (with Nesterov momentum) or "adamw".
        learning_rate: at its highest.
        momentum: of SGD.
        weight_decay: of matrices and convolutions; vectors (biases, norms) have none.
        schedule: after the warm-up: "cosine" falls to 0, "steps" multiplies by `step_factor` at each of `step_epochs`.
        warmup_epochs: over which the learning rate rises linearly.
        step_epochs: epochs at which the rate falls.
        step_factor: what it is multiplied with.
        label_smoothing: in [0, 1).
        mixup: alpha >= 0 of Beta(alpha, alpha); 0 = none (Zhang et al., 2018).
        ema_decay: of an exponential moving average of the weights, which is what is evaluated and kept; None = none.
        clip_norm: largest norm of the gradient; None = any.
        sampling: "shuffle": each sample once an epoch; "balanced": classes equally often; "weighted": samples as often
            as their weight says, and the loss then without weights.
        precision: of the forward pass (autocast); parameters are float32.
        num_workers: processes that load samples.
    """

    epochs: int = 30
    batch_size: int = 64
    optimizer: OptimizerName = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Schedule = "cosine"
    warmup_epochs: float = 1.0
    step_epochs: tuple[int, ...] = ()
    step_factor: float = 0.1
    label_smoothing: float = 0.0
    mixup: float = 0.0
    ema_decay: float | None = None
    clip_norm: float | None = None
    sampling: Sampling = "shuffle"
    precision: Precision = "float32"
    num_workers: int = 0

    def __post_init__(self) -> None:
        for name, kinds in (
            ("optimizer", OptimizerName),
            ("schedule", Schedule),
            ("sampling", Sampling),
            ("precision", Precision),
        ):
            if getattr(self, name) not in get_args(kinds):
                raise InvalidInputError(
                    f"`{name}` must be one of {', '.join(get_args(kinds))}, got {getattr(self, name)!r}"
                )
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if name in _WHOLE and not isinstance(value, int):
                raise InvalidInputError(f"`{name}` must be a whole number, got {value!r}")
            if value is not None and not low <= value < high:
                raise InvalidInputError(f"`{name}` must be at least {low:g} and below {high:g}, got {value!r}")
        if self.schedule == "steps" and not self.step_epochs:
            raise InvalidInputError("`step_epochs` is empty; say at which epochs the learning rate falls")


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("epochs", 1, math.inf),
    ("batch_size", 1, math.inf),
    ("learning_rate", 0, math.inf),
    ("momentum", 0, 1),
    ("weight_decay", 0, math.inf),
    ("warmup_epochs", 0, math.inf),
    ("step_factor", 0, math.inf),
    ("label_smoothing", 0, 1),
    ("mixup", 0, math.inf),
    ("ema_decay", 0, 1),
    ("clip_norm", 1e-12, math.inf),
    ("num_workers", 0, 1024),
)

_WHOLE = ("epochs", "batch_size", "num_workers")


def learning_rate_at(recipe: TrainingRecipe, epoch: float) -> float:
    """Give the learning rate after `epoch` epochs, a fraction within an epoch; a pure function, so nothing to save.

    The rate of a step is that in its middle, so that neither the first nor the last one is lost on a rate of 0.

    Example:
        >>> recipe = TrainingRecipe(epochs=11, learning_rate=1.0, warmup_epochs=1)
        >>> [round(learning_rate_at(recipe, epoch), 2) for epoch in (0.5, 1, 6, 11)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if epoch < recipe.warmup_epochs:
        return recipe.learning_rate * epoch / recipe.warmup_epochs
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if recipe.schedule == "steps":
        return recipe.learning_rate * recipe.step_factor ** sum(epoch >= step for step in recipe.step_epochs)
    done = (epoch - recipe.warmup_epochs) / max(1e-9, recipe.epochs - recipe.warmup_epochs)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
