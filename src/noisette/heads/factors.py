"""The layers that give V(x) and d(x) of a covariance ``V(x) V(x)^T + diag(d(x)^2)``, over classes or over features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from noisette.functional.logit_forms import LowRankLogits, ScaledLowRankLogits
from noisette.heads.distribution import at_least_float32
from noisette.heads.initialization import START_STD, start_std
from noisette.heads.settings import MIN_STD


class NoiseLayers(nn.Module):
    """Linear layers from features (B, D) to a covariance over C classes (or features).

    Full: ``V(x) = reshape(W_V x + b_V, (C, F))``. Parameter-efficient: ``V(x) = diag(v(x)) V``, ``v(x) = W_v x + b_v``
    of either sign, V (C, F) of all rows and without a bias, which would move the mean. Either:
    ``d(x) = softplus(W_d x + b_d) + 1e-3``, a standard deviation. F = 0: d alone.
    """

    def __init__(
        self, in_features: int, size: int, num_factors: int, parameter_efficient: bool, **factory: Any
    ) -> None:
        super().__init__()
        self.size, self.num_factors = size, num_factors
        self.parameter_efficient = parameter_efficient and num_factors > 0
        self.std = nn.Linear(in_features, size, **factory)
        if self.parameter_efficient:
            self.factor_scale = nn.Linear(in_features, size, **factory)
            self.factor = nn.Parameter(torch.empty(size, num_factors, **factory))
        elif num_factors:
            self.cov_factor = nn.Linear(in_features, size * num_factors, **factory)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start with noise of the size of the temperature; no factor starts at 0, where its gradient is 0."""
        start_std(self.std, START_STD)
        if self.parameter_efficient:
            self.factor_scale.reset_parameters()
            nn.init.ones_(self.factor_scale.bias)
            nn.init.normal_(self.factor, std=self.num_factors**-0.5)
        elif self.num_factors:
            self.cov_factor.reset_parameters()
            with torch.no_grad():
                self.cov_factor.weight.mul_(self.num_factors**-0.5)
                self.cov_factor.bias.zero_()

    def start_small(self, std: float, factor: float) -> None:
        """Start with noise that no argmax notices: `std` for d, `factor` for the standard deviation of ``V e_F``."""
        start_std(self.std, std)
        if self.parameter_efficient:
            root = factor**0.5
            nn.init.zeros_(self.factor_scale.weight)
            nn.init.constant_(self.factor_scale.bias, root)
            nn.init.normal_(self.factor, std=root * self.num_factors**-0.5)
        elif self.num_factors:
            nn.init.zeros_(self.cov_factor.weight)
            nn.init.normal_(self.cov_factor.bias, std=factor * self.num_factors**-0.5)

    def noisy(self, loc: Tensor, x: Tensor) -> LowRankLogits | ScaledLowRankLogits:
        """Give noise around `loc` (B, C)."""
        std = self.std_of(x)
        if self.parameter_efficient:
            return ScaledLowRankLogits(loc, self.factor_scale(x), self.factor, std)
        return LowRankLogits(loc, self.cov_factor_of(x), std)

    def std_of(self, x: Tensor) -> Tensor:
        """Give d (B, C); in float32 at least, where softplus keeps small numbers apart."""
        found: Tensor = softplus(at_least_float32(self.std(x))) + MIN_STD
        return found

    def cov_factor_of(self, x: Tensor) -> Tensor:
        """Give V (B, C, F)."""
        if self.parameter_efficient:
            scale: Tensor = self.factor_scale(x)
            factor: Tensor = scale[..., None] * self.factor
            return factor
        if self.num_factors == 0:
            return x.new_zeros(x.shape[0], self.size, 0)
        found: Tensor = self.cov_factor(x)
        return found.reshape(x.shape[0], self.size, self.num_factors)

    def mean_covariance(self, x: Tensor) -> Tensor:
        """Give the (C, C) mean over the batch; (B, C, C) never exists."""
        std = self.std_of(x)
        diagonal = std.square().mean(0).diag()
        if self.num_factors == 0:
            return diagonal
        of_rows: Tensor = (self.factor_scale(x) if self.parameter_efficient else self.cov_factor_of(x)).to(std)
        with torch.autocast(x.device.type, enabled=False):
            if self.parameter_efficient:
                factor = self.factor.to(std)
                return (of_rows.mT @ of_rows / len(x)) * (factor @ factor.mT) + diagonal
            factor = of_rows.transpose(0, 1).flatten(1)
            return factor @ factor.mT / len(x) + diagonal
