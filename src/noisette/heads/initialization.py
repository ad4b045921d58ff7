"""How the layers of a head start."""

from __future__ import annotations

import math

import torch
from torch import nn

from noisette.errors import InvalidInputError, ShapeError
from noisette.heads.settings import MIN_STD

START_STD = 0.7
WARM_STD = 0.1
WARM_FACTOR = 0.01
WARM_XL = 0.03
"""Noise of logits, differing by class here: classes change places where they differ by its square (1e-3)."""


def start_std(layer: nn.Linear, std: float) -> None:
    """Make a layer give the same standard deviation for all rows; a gradient moves it off."""
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, inverse_softplus(max(std - MIN_STD, MIN_STD)))


def inverse_softplus(value: float) -> float:
    """Give x of softplus(x) = value > 0."""
    return value + math.log(-math.expm1(-value))


def copy_linear(source: nn.Linear, target: nn.Linear) -> None:
    """Copy weight and bias; no bias = 0.

    Raises:
        InvalidInputError: the source is no `torch.nn.Linear`.
        ShapeError: sizes differ.
    """
    if not isinstance(source, nn.Linear):
        raise InvalidInputError(f"`linear` must be a torch.nn.Linear, got {type(source).__name__}")
    if source.weight.shape != target.weight.shape:
        raise ShapeError(
            f"`linear` must map {target.in_features} features to {target.out_features} classes, got "
            f"{source.in_features} to {source.out_features}"
        )
    with torch.no_grad():
        target.weight.copy_(source.weight)
        target.bias.zero_() if source.bias is None else target.bias.copy_(source.bias)
