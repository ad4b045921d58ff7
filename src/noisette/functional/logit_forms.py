"""Noisy logits in the three published forms: what their samples are, and how gradients come back from samples.

Every form is a record of tensors. Its sampler makes the logits of a few rows at a time, divided by the temperature, and
takes the gradients of those logits back; (B, S, K) numbers never exist at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from noisette.errors import ShapeError
from noisette.functional.logit_noise import LogitNoise, RowNoise

Rebuild = Callable[..., "LogitForm"]


@runtime_checkable
class Sampler(Protocol):
    """Draws logits in stretches of rows and gathers the gradients of a form's tensors."""

    def draw(self, start: int, stop: int) -> tuple[Tensor, Callable[[Tensor], None]]:
        """Give (b, S, K) logits / temperature of rows start..stop-1, and what takes their gradient."""

    def gradients(self) -> tuple[Tensor, ...]:
        """Give the gradient of each tensor of the form, in order, of all that was taken."""


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
        return _LowRankSampler(self, noise, scale)

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
        return _ScaledLowRankSampler(self, noise, scale)

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
        return _FeatureSampler(self, noise, scale)

    def scaled_by(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Logits are of degree one in weight and bias."""
        return _inner((self.weight, self.bias), gradients[-2:])


class _RowGradients:
    """Gradients that come a stretch of rows at a time."""

    def __init__(self, count: int) -> None:
        self._parts: list[list[Tensor]] = [[] for _ in range(count)]

    def add(self, *parts: Tensor) -> None:
        for known, part in zip(self._parts, parts, strict=True):
            known.append(part)

    def joined(self) -> list[Tensor]:
        return [parts[0] if len(parts) == 1 else torch.cat(parts) for parts in self._parts]


class _ScaledNoise:
    """Noise divided by the temperature; what all rows share is divided once."""

    def __init__(self, noise: LogitNoise | RowNoise, scale: Tensor) -> None:
        self._noise, self._scale = noise, scale
        self.shared = self._scaled(noise) if isinstance(noise, LogitNoise) else None

    def of_rows(self, start: int, stop: int) -> LogitNoise:
        return self.shared or self._scaled(self._noise.of_rows(start, stop))

    def _scaled(self, noise: LogitNoise) -> LogitNoise:
        scale = self._scale
        return LogitNoise(noise.factors.to(scale) * scale, noise.classes.to(scale) * scale)


class _LowRankSampler:
    def __init__(self, form: LowRankLogits, noise: LogitNoise | RowNoise, scale: Tensor) -> None:
        self._form, self._scale = form, scale
        self._noise, self._gradients = _ScaledNoise(noise, scale), _RowGradients(3)

    def draw(self, start: int, stop: int) -> tuple[Tensor, Callable[[Tensor], None]]:
        noise, form = self._noise.of_rows(start, stop), self._form
        logits = noise.factors @ form.cov_factor[start:stop].mT
        logits += (form.loc[start:stop] * self._scale)[:, None]
        logits.addcmul_(form.std[start:stop, None], noise.classes)

        def take(gradient: Tensor) -> None:
            of_loc, of_factor = gradient.sum(1) * self._scale, gradient.mT @ noise.factors
            self._gradients.add(of_loc, of_factor, (gradient * noise.classes).sum(1))

        return logits, take

    def gradients(self) -> tuple[Tensor, ...]:
        return tuple(self._gradients.joined())


class _ScaledLowRankSampler:
    def __init__(self, form: ScaledLowRankLogits, noise: LogitNoise | RowNoise, scale: Tensor) -> None:
        self._form, self._scale = form, scale
        self._noise, self._gradients = _ScaledNoise(noise, scale), _RowGradients(3)
        shared = self._noise.shared
        self._shared_factors = None if shared is None else shared.factors @ form.factor.mT
        self._of_factor = torch.zeros_like(form.factor)

    def draw(self, start: int, stop: int) -> tuple[Tensor, Callable[[Tensor], None]]:
        noise, form = self._noise.of_rows(start, stop), self._form
        scale = form.factor_scale[start:stop, None]
        factors = noise.factors @ form.factor.mT if self._shared_factors is None else self._shared_factors
        logits = scale * factors
        logits += (form.loc[start:stop] * self._scale)[:, None]
        logits.addcmul_(form.std[start:stop, None], noise.classes)

        def take(gradient: Tensor) -> None:
            of_scale, of_std = (gradient * factors).sum(1), (gradient * noise.classes).sum(1)
            self._gradients.add(gradient.sum(1) * self._scale, of_scale, of_std)
            self._take_factor(gradient * scale, noise.factors)

        return logits, take

    def _take_factor(self, gradient: Tensor, factors: Tensor) -> None:
        """Add the gradient of V from that of ``V e_F``, (b, S, K)."""
        if factors.ndim == 2:
            self._of_factor = self._of_factor + gradient.sum(0).mT @ factors
        else:
            self._of_factor = self._of_factor + gradient.flatten(0, 1).mT @ factors.flatten(0, 1)

    def gradients(self) -> tuple[Tensor, ...]:
        of_loc, of_scale, of_std = self._gradients.joined()
        return of_loc, of_scale, self._of_factor, of_std


class _FeatureSampler:
    def __init__(self, form: FeatureLogits, noise: LogitNoise | RowNoise, scale: Tensor) -> None:
        self._form, self._scale = form, scale
        self._features = form.features.sampler(noise, scale)
        self._of_weight, self._of_bias = torch.zeros_like(form.weight), torch.zeros_like(form.bias)

    def draw(self, start: int, stop: int) -> tuple[Tensor, Callable[[Tensor], None]]:
        features, take_features = self._features.draw(start, stop)
        weight = self._form.weight
        logits = features @ weight.mT
        logits += self._form.bias * self._scale

        def take(gradient: Tensor) -> None:
            flat = gradient.flatten(0, 1)
            self._of_weight.addmm_(flat.mT, features.flatten(0, 1))
            self._of_bias.add_(flat.sum(0) * self._scale)
            take_features(gradient @ weight)

        return logits, take

    def gradients(self) -> tuple[Tensor, ...]:
        return (*self._features.gradients(), self._of_weight, self._of_bias)


def _inner(tensors: tuple[Tensor, ...], gradients: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(tensors, gradients, strict=True)]).sum()


def _check_rows(loc: Tensor, **others: Tensor) -> None:
    if loc.ndim != 2:
        raise ShapeError(f"`loc` must have shape (B, K), got {tuple(loc.shape)}")
    for name, tensor in others.items():
        if tensor.shape != loc.shape:
            raise ShapeError(f"`{name}` must have the shape of `loc`, {tuple(loc.shape)}, got {tuple(tensor.shape)}")
