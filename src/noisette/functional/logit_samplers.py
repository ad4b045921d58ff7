"""Samples of noisy logits, a few rows at a time, and the way of their gradients back, without (B, S, K) memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from noisette.functional.logit_noise import LogitNoise, RowNoise


@runtime_checkable
class Sampler(Protocol):
    """Draws logits in stretches of rows and gathers the gradients of a form's tensors."""

    def draw(self, start: int, stop: int) -> tuple[Tensor, Callable[[Tensor], None]]:
        """Give (b, S, K) logits / temperature of rows start..stop-1, and what takes their gradient."""

    def gradients(self) -> tuple[Tensor, ...]:
        """Give the gradient of each tensor of the form, in order, of all that was taken."""


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


class LowRankSampler:
    """Samples of ``loc + cov_factor e_F + std * e_K``."""

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, std: Tensor, noise: LogitNoise | RowNoise, scale: Tensor
    ) -> None:
        self._loc, self._cov_factor, self._std, self._scale = loc, cov_factor, std, scale
        self._noise, self._gradients = _ScaledNoise(noise, scale), _RowGradients(3)

    def draw(self, start: int, stop: int) -> tuple[Tensor, Callable[[Tensor], None]]:
        """Give the logits of a stretch of rows, and what takes their gradient."""
        noise = self._noise.of_rows(start, stop)
        logits = noise.factors @ self._cov_factor[start:stop].mT
        logits += (self._loc[start:stop] * self._scale)[:, None]
        logits.addcmul_(self._std[start:stop, None], noise.classes)

        def take(gradient: Tensor) -> None:
            of_loc, of_factor = gradient.sum(1) * self._scale, gradient.mT @ noise.factors
            self._gradients.add(of_loc, of_factor, (gradient * noise.classes).sum(1))

        return logits, take

    def gradients(self) -> tuple[Tensor, ...]:
        """Give what was taken."""
        return tuple(self._gradients.joined())


class ScaledLowRankSampler:
    """Samples of ``loc + factor_scale * (factor e_F) + std * e_K``."""

    def __init__(
        self,
        loc: Tensor,
        factor_scale: Tensor,
        factor: Tensor,
        std: Tensor,
        noise: LogitNoise | RowNoise,
        scale: Tensor,
    ) -> None:
        self._loc, self._factor_scale, self._factor, self._std, self._scale = loc, factor_scale, factor, std, scale
        self._noise, self._gradients = _ScaledNoise(noise, scale), _RowGradients(3)
        shared = self._noise.shared
        self._shared_factors = None if shared is None else shared.factors @ self._factor.mT
        self._of_factor = torch.zeros_like(self._factor)

    def draw(self, start: int, stop: int) -> tuple[Tensor, Callable[[Tensor], None]]:
        """Give the logits of a stretch of rows, and what takes their gradient."""
        noise = self._noise.of_rows(start, stop)
        scale = self._factor_scale[start:stop, None]
        factors = noise.factors @ self._factor.mT if self._shared_factors is None else self._shared_factors
        logits = scale * factors
        logits += (self._loc[start:stop] * self._scale)[:, None]
        logits.addcmul_(self._std[start:stop, None], noise.classes)

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
        """Give what was taken."""
        of_loc, of_scale, of_std = self._gradients.joined()
        return of_loc, of_scale, self._of_factor, of_std


class FeatureSampler:
    """Samples of ``weight h + bias``, h samples of the features."""

    def __init__(self, features: Sampler, weight: Tensor, bias: Tensor, scale: Tensor) -> None:
        self._features, self._weight, self._bias, self._scale = features, weight, bias, scale
        self._of_weight, self._of_bias = torch.zeros_like(weight), torch.zeros_like(bias)

    def draw(self, start: int, stop: int) -> tuple[Tensor, Callable[[Tensor], None]]:
        """Give the logits of a stretch of rows, and what takes their gradient."""
        features, take_features = self._features.draw(start, stop)
        logits = features @ self._weight.mT
        logits += self._bias * self._scale

        def take(gradient: Tensor) -> None:
            flat = gradient.flatten(0, 1)
            self._of_weight.addmm_(flat.mT, features.flatten(0, 1))
            self._of_bias.add_(flat.sum(0) * self._scale)
            take_features(gradient @ self._weight)

        return logits, take

    def gradients(self) -> tuple[Tensor, ...]:
        """Give what was taken."""
        return (*self._features.gradients(), self._of_weight, self._of_bias)
