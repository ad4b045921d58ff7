"""The optimizer of a recipe, and the moving average of its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from noisette.errors import InvalidInputError
from noisette.training.recipe import TrainingRecipe

Tensors = tuple[Tensor, ...] | list[Tensor]


def make_optimizer(model: nn.Module, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    """Give the recipe's optimizer of all parameters that learn; vectors have no weight decay.

    Raises:
        InvalidInputError: none learns.
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not learning:
        raise InvalidInputError("no parameter of `model` learns; set `requires_grad` of the layers to be trained")
    groups: list[dict[str, Any]] = [
        {"params": [value for value in learning if value.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [value for value in learning if value.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate)
    nesterov = recipe.momentum > 0
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=nesterov)


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """Give an exponential moving average of a model; statistics of batch norms are averaged, too; counts are copied."""
    of_floats = get_ema_multi_avg_fn(decay)

    def update(averages: Tensors, values: Tensors, count: Tensor | int) -> None:
        if averages[0].is_floating_point() or averages[0].is_complex():
            of_floats(averages, values, count)
        else:  # the average of whole numbers, rounded down, would never leave its first value
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True)


def set_training_mode(model: nn.Module) -> None:
    """Put a model into training mode, but for its frozen parts: what has parameters of which none learns.

    Batch norms in them keep their statistics, dropout is off: a frozen backbone is a fixed function.
    """
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()
