"""Random problems of every form of noisy logits, beside plain samples of their logits made by the slow oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from noisette.functional.logit_forms import FeatureLogits, LogitForm, LowRankLogits, ScaledLowRankLogits
from noisette.functional.logit_noise import LogitNoise, RowNoise
from tests.oracles import heteroscedastic as oracle

FORMS = ("full", "diagonal", "parameter-efficient", "features, full", "features, parameter-efficient")


@dataclass(frozen=True)
class Problem:
    """A form, made of `tensors` that take gradients, and its (B, S, K) samples of given draws, all at once."""

    form: LogitForm
    tensors: tuple[Tensor, ...]
    samples: Callable[[Tensor, Tensor], Tensor]


def random_problem(
    name: str,
    batch: int = 5,
    classes: int = 4,
    factors: int = 3,
    features: int = 6,
    *,
    seed: int = 0,
    scale: float = 1.0,
    dtype: torch.dtype = torch.float64,
) -> Problem:
    """Make tensors of about `scale`, of any sign but for the standard deviations, in `dtype`."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return scale * torch.randn(shape, generator=generator, dtype=torch.float64)

    in_features = name.startswith("features")
    size = features if in_features else classes
    factors = 0 if name == "diagonal" else factors
    rows = [normal(batch, size)]
    if name.endswith("parameter-efficient"):
        rows += [normal(batch, size), normal(size, factors), normal(batch, size).abs()]
    else:
        rows += [normal(batch, size, factors), normal(batch, size).abs()]
    last = [normal(classes, size) / size**0.5, normal(classes)] if in_features else []
    return problem_of(name, tuple(x.to(dtype).requires_grad_() for x in (*rows, *last)))


def problem_of(name: str, tensors: tuple[Tensor, ...]) -> Problem:
    """Make the form of that name of tensors in its order."""
    scaled = name.endswith("parameter-efficient")
    count = 4 if scaled else 3
    inner: LowRankLogits | ScaledLowRankLogits
    inner = ScaledLowRankLogits(*tensors[:4]) if scaled else LowRankLogits(*tensors[:3])
    form = FeatureLogits(inner, *tensors[count:]) if name.startswith("features") else inner

    def samples(z_factors: Tensor, z_classes: Tensor) -> Tensor:
        loc, std = tensors[0], tensors[count - 1]
        cov_factor = tensors[1][:, :, None] * tensors[2] if scaled else tensors[1]
        if name.startswith("features"):
            return oracle.feature_noise_samples(loc, cov_factor, std, tensors[-2], tensors[-1], z_factors, z_classes)
        return oracle.logit_samples(loc, cov_factor, std, z_factors, z_classes)

    return Problem(form, tensors, samples)


def all_draws(noise: LogitNoise | RowNoise, stretches: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Give the draws of all rows, asked for in these stretches of rows: factors and classes."""
    if isinstance(noise, LogitNoise):
        return noise.factors, noise.classes
    parts = [noise.of_rows(*stretch) for stretch in stretches]
    return torch.cat([part.factors for part in parts]), torch.cat([part.classes for part in parts])
