"""The temperature of a trained head, chosen on validation data."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from noisette.errors import InvalidInputError
from noisette.heads.base import HeteroscedasticBase


@torch.no_grad()
def fit_temperature(
    head: HeteroscedasticBase,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    bounds: tuple[float, float] = (0.05, 10.0),
    tolerance: float = 1e-3,
) -> float:
    """Set a trained head's temperature to that of the lowest negative log-likelihood on validation data; give it.

    Args:
        head: any heteroscedastic head; a learned temperature is changed within its range. On an error it keeps the
            temperature it has.
        batches: (x, targets) pairs, features and labels that training has not seen; they are kept in memory.
        bounds: between which temperatures to look.
        tolerance: of the logarithm of the temperature.

    Raises:
        InvalidInputError: there is no batch, the bounds are not 0 < low < high, or the likelihood is not a number.

    Example:
        >>> from noisette.heads import HeteroscedasticHead
        >>> head, rng = HeteroscedasticHead(2, 2, num_factors=0), torch.Generator().manual_seed(0)
        >>> x = torch.randn(100, 2, generator=rng)
        >>> 0.05 <= fit_temperature(head, [(x, (x[:, 0] > 0).long())]) <= 10
        True
    """
    kept = [(x, targets) for x, targets in batches if len(x)]
    low, high = _bounds(head, bounds)
    if not kept:
        raise InvalidInputError("`batches` holds no row; give validation features and labels")
    held = head.temperature_logit if head.settings.learn_temperature else head.fixed_temperature
    was_training, before = head.training, held.clone()
    head.eval()
    try:
        found = minimize_scalar(
            lambda log: _mean_nll(head, kept, math.exp(log)),
            bounds=(math.log(low), math.log(high)),
            method="bounded",
            options={"xatol": tolerance},
        )
        if not math.isfinite(found.fun):
            raise InvalidInputError("`batches` give no finite likelihood; are there NaN or infinite features?")
        _set_temperature(head, math.exp(float(found.x)))
    except BaseException:
        held.copy_(before)
        raise
    finally:
        head.train(was_training)
    return float(head.temperature)


def _bounds(head: HeteroscedasticBase, bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if not 0 < low < high < math.inf:
        raise InvalidInputError(f"`bounds` must be two numbers 0 < low < high, got {low} and {high}")
    if head.settings.learn_temperature:
        least, most = head.settings.temperature_range
        low, high = max(low, least * 1.001), min(high, most * 0.999)
    if low >= high:
        raise InvalidInputError(
            f"`bounds` do not meet the head's `temperature_range`, {head.settings.temperature_range}"
        )
    return low, high


def _mean_nll(head: HeteroscedasticBase, batches: list[tuple[Tensor, Tensor]], temperature: float) -> float:
    _set_temperature(head, temperature)
    total = sum(float(head.nll(x, targets, reduction="sum")) for x, targets in batches)
    return total / sum(len(x) for x, _ in batches)


def _set_temperature(head: HeteroscedasticBase, temperature: float) -> None:
    if head.settings.learn_temperature:
        low, high = head.settings.temperature_range
        share = (temperature - low) / (high - low)
        head.temperature_logit.fill_(math.log(share) - math.log1p(-share))
    else:
        head.fixed_temperature.fill_(temperature)
