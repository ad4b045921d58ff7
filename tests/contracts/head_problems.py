"""Heads of every form with numbers of their own in every parameter, and rows and labels for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from noisette.heads.base import HeteroscedasticBase
from noisette.heads.dense_head import HeteroscedasticHead
from noisette.heads.xl_head import HeteroscedasticXLHead
from tests.oracles import heteroscedastic as oracle

D, K, F = 6, 5, 3

FORMS: dict[str, dict[str, Any]] = {
    "full": {},
    "parameter_efficient": {"parameter_efficient": True},
    "diagonal": {"num_factors": 0},
    "xl": {"xl": True, "parameter_efficient": True},
    "xl_full": {"xl": True, "parameter_efficient": False, "learn_temperature": False},
    "xl_diagonal": {"xl": True, "num_factors": 0},
}


def make_head(
    form: str, *, in_features: int = D, num_classes: int = K, random: bool = True, **options: Any
) -> HeteroscedasticBase:
    """Give a head in training mode; `random` makes every weight normal, so that no term hides behind a 0."""
    chosen: dict[str, Any] = {"num_factors": F} | FORMS[form] | options
    kind: Callable[..., HeteroscedasticBase]
    kind = HeteroscedasticXLHead if chosen.pop("xl", False) else HeteroscedasticHead
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = kind(in_features, num_classes, **chosen)
    generator = torch.Generator().manual_seed(1)
    if random:
        with torch.no_grad():
            for name, parameter in head.named_parameters():
                if name != "temperature_logit":  # so that the others are the same with it and without
                    parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return head


def rows(count: int = 7, *, seed: int = 2, in_features: int = D) -> Tensor:
    """Give (count, D) features."""
    return torch.randn(count, in_features, generator=torch.Generator().manual_seed(seed))


def labels(count: int = 7, *, num_classes: int = K) -> Tensor:
    """Give (count,) class ids."""
    return torch.arange(count) % num_classes


def soft_labels(count: int = 7, *, num_classes: int = K) -> Tensor:
    """Give (count, K) probabilities."""
    return torch.rand(count, num_classes, generator=torch.Generator().manual_seed(3)).softmax(1)


def label_sets(count: int = 7, *, num_classes: int = K) -> Tensor:
    """Give (count, K) numbers 0 or 1, for several labels a row."""
    return (torch.rand(count, num_classes, generator=torch.Generator().manual_seed(4)) < 0.4).float()


def noise_parts(head: HeteroscedasticBase, x: Tensor) -> tuple[Tensor, Tensor]:
    """Give V and d of a head's own noise, over classes or over features, by the formulas and in float64."""
    layers: Any = head.get_submodule("spread")
    x = x.double()
    parameters: dict[str, Tensor] = {name: value.detach().double() for name, value in layers.named_parameters()}

    def linear(name: str) -> Tensor:
        return x @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"]

    std = torch.log1p(linear("std").exp()) + 1e-3
    if "factor" in parameters:
        return linear("factor_scale")[:, :, None] * parameters["factor"][None], std
    if "cov_factor.weight" in parameters:
        return linear("cov_factor").reshape(len(x), std.shape[1], -1), std
    return torch.zeros(*std.shape, 0, dtype=torch.float64), std


def logit_covariance(head: HeteroscedasticBase, x: Tensor) -> Tensor:
    """Give (B, K, K) of the logits, in float64."""
    sigma: Tensor = oracle.covariance(*noise_parts(head, x))
    if isinstance(head, HeteroscedasticXLHead):
        weight = head.loc.weight.detach().double()
        sigma = weight @ (sigma @ weight.T)
    return sigma


def evaluation_samples(head: HeteroscedasticBase, x: Tensor) -> Tensor:
    """Give (B, S, K) logits over the temperature at a head's fixed points, in float64."""
    cov_factor, std = noise_parts(head, x)
    weight, bias = head.loc.weight.detach().double(), head.loc.bias.detach().double()
    points = head.eval_factors, head.eval_classes
    if isinstance(head, HeteroscedasticXLHead):
        samples = oracle.feature_noise_samples(x, cov_factor, std, weight, bias, *points)
    else:
        samples = oracle.logit_samples(x.double() @ weight.T + bias, cov_factor, std, *points)
    return samples / float(head.temperature.detach())
