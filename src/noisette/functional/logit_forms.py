"""Noisy logits in the three published forms: records of the tensors that give their distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from noisette.errors import ShapeError
from noisette.functional.logit_noise import LogitNoise, RowNoise
from noisette.functional.logit_samplers import FeatureSampler, LowRankSampler, Sampler, ScaledLowRankSampler

Rebuild = Callable[..., "LogitForm"]


@runtime_checkable
class LogitForm(Protocol):
    """A distribution of logits that can be sampled."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What gradients are for."""

    @property
    def rebuild(self) -> Rebuild:
        """Makes the same form of other tensors."""

    @property
    def shape(self) -> tuple[int, int]:
        """(B, K)."""

    @property
    def noise_shape(self) -> tuple[int, int]:
        """(F, K), or (F, D) where the noise is in feature space."""

    def sampler(self, noise: LogitNoise | RowNoise, scale: Tensor) -> Sampler:
        """Start drawing; `scale` is 1 / temperature."""

    def scaled_by(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Give sum over samples of (logit * its gradient): how the loss moves when all logits are scaled up."""


class _Record:
    """A form whose fields are its tensors."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]

    @property
    def rebuild(self) -> Rebuild:
        return type(self)  # type: ignore[return-value]  # every subclass is a form


@dataclass(frozen=True, eq=False)
class LowRankLogits(_Record):
    """Logits ``loc + cov_factor e_F + std * e_K`` (CVPR 2021, section 3.2).

    Their covariance is ``cov_factor cov_factor^T + diag(std^2)``.

    Attributes:
        loc: (B, K).
        cov_factor: (B, K, F); F = 0 for the diagonal form.
        std: (B, K) standard deviations >= 0.
    """

    loc: Float[Tensor, "..."]
    cov_factor: Float[Tensor, "..."]
    std: Float[Tensor, "..."]

    def __post_init__(self) -> None:
        _check_rows(self.loc, std=self.std)
        if self.cov_factor.ndim != 3 or self.cov_factor.shape[:2] != self.loc.shape:
            raise ShapeError(
                f"`cov_factor` must have shape ({self.loc.shape[0]}, {self.loc.shape[1]}, F) to go with `loc`, "
                f"got {tuple(self.cov_factor.shape)}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(B, K)."""
        return self.loc.shape[0], self.loc.shape[1]

    @property
    def noise_shape(self) -> tuple[int, int]:
        """(F, K)."""
        return self.cov_factor.shape[2], self.loc.shape[1]

    def sampler(self, noise: LogitNoise | RowNoise, scale: Tensor) -> Sampler:
        """Start drawing."""
        return LowRankSampler(self.loc, self.cov_factor, self.std, noise, scale)

    def scaled_by(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Logits are of degree one in all three tensors."""
        return _inner(self.tensors, gradients)


@dataclass(frozen=True, eq=False)
class ScaledLowRankLogits(_Record):
    """Logits ``loc + factor_scale * (factor e_F) + std * e_K``, the parameter-efficient form (CVPR 2021, section 3.3).

    Attributes:
        loc: (B, K).
        factor_scale: (B, K) of either sign, v(x): ``V(x) = diag(v(x)) V``.
        factor: (K, F) of all rows, V.
        std: (B, K) standard deviations >= 0.
    """

    loc: Float[Tensor, "..."]
    factor_scale: Float[Tensor, "..."]
    factor: Float[Tensor, "..."]
    std: Float[Tensor, "..."]

    def __post_init__(self) -> None:
        _check_rows(self.loc, factor_scale=self.factor_scale, std=self.std)
        if self.factor.ndim != 2 or self.factor.shape[0] != self.loc.shape[1]:
            raise ShapeError(f"`factor` must have shape ({self.loc.shape[1]}, F), got {tuple(self.factor.shape)}")

    @property
    def shape(self) -> tuple[int, int]:
        """(B, K)."""
        return self.loc.shape[0], self.loc.shape[1]

    @property
    def noise_shape(self) -> tuple[int, int]:
        """(F, K)."""
        return self.factor.shape[1], self.loc.shape[1]

    def sampler(self, noise: LogitNoise | RowNoise, scale: Tensor) -> Sampler:
        """Start drawing."""
        return ScaledLowRankSampler(self.loc, self.factor_scale, self.factor, self.std, noise, scale)

    def scaled_by(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Logits are of degree one in the tensors that differ from row to row, `factor` held."""
        of_loc, of_scale, _, of_std = gradients
        return _inner((self.loc, self.factor_scale, self.std), (of_loc, of_scale, of_std))


@dataclass(frozen=True, eq=False)
class FeatureLogits:
    """Logits ``weight (r + noise) + bias`` of noisy features, HET-XL (ICLR 2023, eq. 6).

    Attributes:
        features: the noisy features, in either form above: `loc` = r is (B, D), the rest is in D dimensions, too.
        weight: (K, D).
        bias: (K,).
    """

    features: LowRankLogits | ScaledLowRankLogits
    weight: Float[Tensor, "..."]
    bias: Float[Tensor, "..."]

    def __post_init__(self) -> None:
        dimensions = self.features.shape[1]
        if self.weight.ndim != 2 or self.weight.shape[1] != dimensions:
            raise ShapeError(f"`weight` must have shape (K, {dimensions}), got {tuple(self.weight.shape)}")
        if self.bias.shape != self.weight.shape[:1]:
            raise ShapeError(f"`bias` must have shape ({self.weight.shape[0]},), got {tuple(self.bias.shape)}")

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Those of the features, then weight and bias."""
        return (*self.features.tensors, self.weight, self.bias)

    @property
    def rebuild(self) -> Rebuild:
        """Makes the same form of other tensors."""
        of_features = self.features.rebuild
        return lambda *tensors: FeatureLogits(of_features(*tensors[:-2]), *tensors[-2:])  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[int, int]:
        """(B, K)."""
        return self.features.shape[0], self.weight.shape[0]

    @property
    def noise_shape(self) -> tuple[int, int]:
        """(F, D)."""
        return self.features.noise_shape

    def sampler(self, noise: LogitNoise | RowNoise, scale: Tensor) -> Sampler:
        """Start drawing."""
        return FeatureSampler(self.features.sampler(noise, scale), self.weight, self.bias, scale)

    def scaled_by(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Logits are of degree one in weight and bias."""
        return _inner((self.weight, self.bias), gradients[-2:])


def _inner(tensors: tuple[Tensor, ...], gradients: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(tensors, gradients, strict=True)]).sum()


def _check_rows(loc: Tensor, **others: Tensor) -> None:
    if loc.ndim != 2:
        raise ShapeError(f"`loc` must have shape (B, K), got {tuple(loc.shape)}")
    for name, tensor in others.items():
        if tensor.shape != loc.shape:
            raise ShapeError(f"`{name}` must have the shape of `loc`, {tuple(loc.shape)}, got {tuple(tensor.shape)}")
