"""Heteroscedastic likelihoods, slowly: every sample of every class held in memory, in float64, by plain autograd.

Everywhere B rows, K classes, F factors, S samples, D features; `std` is a standard deviation. `z_factors` is (S, F) or
(B, S, F) and `z_classes` (S, K) or (B, S, K): standard normal draws, shared by all rows or each row's own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Four classes, two factors, and what is known of them. `total_variation` is the distance of the mean softmax at that
# temperature from the probabilities of the argmax.
LOC = (1.0, 0.8, 0.0, -0.5)
COV_FACTOR = ((1.0, 0.0), (0.9, 0.2), (0.0, 1.0), (-0.5, 0.8))
STD = (0.3, 0.4, 0.5, 0.2)
ARGMAX_PROBABILITIES = (0.521922, 0.230205, 0.159211, 0.088662)
DIAGONAL_ARGMAX_PROBABILITIES = (0.4583, 0.3587, 0.1367, 0.0463)  # the same variances without correlation
SOFTMAX_OF_LOC = (0.4150, 0.3398, 0.1527, 0.0926)
MEAN_SOFTMAX_AT_1 = (0.3847, 0.3023, 0.1811, 0.1319)
TOTAL_VARIATION = {
    3.0: 0.2166, 1.5: 0.1710, 1.0: 0.1372, 0.5: 0.0784, 0.25: 0.0347, 0.1: 0.0077, 0.05: 0.0021, 0.02: 0.0005,
}  # fmt: skip
# The mean negative log of the mean of S softmaxes at temperature 1, for the third class: estimates with noise
# of their own below 1 % (the first is 2.110 +- .001 by four million samples).
NLL_OF_THIRD_CLASS = {1: 2.128, 2: 1.899, 5: 1.780, 10: 1.739, 30: 1.718, 100: 1.715, 1000: 1.709}
NLL_OF_THIRD_CLASS_LIMIT = 1.7086
# One logit u ~ N(.5, 1): P(u > 0), and E sigmoid(u / temperature).
BINARY_LOC, BINARY_STD, BINARY_PROBIT = 0.5, 1.0, 0.69146
BINARY_MEAN_SIGMOID = {
    2.0: 0.55875, 1.0: 0.60203, 0.5: 0.64773, 0.25: 0.67617, 0.1: 0.68865, 0.05: 0.69074, 0.01: 0.69143,
}  # fmt: skip


def example(batch: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Give the four-class example as loc (B, K), cov_factor (B, K, F) and std (B, K), every row the same."""
    loc, cov_factor, std = (torch.tensor(x, dtype=torch.float64) for x in (LOC, COV_FACTOR, STD))
    return loc.repeat(batch, 1), cov_factor.repeat(batch, 1, 1), std.repeat(batch, 1)


def logit_samples(loc: Tensor, cov_factor: Tensor, std: Tensor, z_factors: Tensor, z_classes: Tensor) -> Tensor:
    """Give (B, S, K) samples u_s = loc + V z_F + d z_K, written out."""
    loc, cov_factor, std = loc.double(), cov_factor.double(), std.double()
    z_factors, z_classes = z_factors.double(), z_classes.double()
    low_rank = (cov_factor[:, None, :, :] * z_factors[..., None, :]).sum(-1)
    return loc[:, None, :] + low_rank + std[:, None, :] * z_classes


def _log_mean(log_values: Tensor) -> Tensor:
    """Give the log of the mean over the samples in dimension 1."""
    return torch.logsumexp(log_values, dim=1) - math.log(log_values.shape[1])


def log_mean_softmax(
    loc: Tensor,
    cov_factor: Tensor,
    std: Tensor,
    z_factors: Tensor,
    z_classes: Tensor,
    temperature: float | Tensor = 1.0,
) -> Tensor:
    """Give (B, K) log (1/S) sum_s softmax(u_s / temperature)."""
    u = logit_samples(loc, cov_factor, std, z_factors, z_classes)
    return _log_mean(torch.log_softmax(u / temperature, dim=-1))


def log_mean_sigmoid(
    loc: Tensor,
    cov_factor: Tensor,
    std: Tensor,
    z_factors: Tensor,
    z_classes: Tensor,
    temperature: float | Tensor = 1.0,
) -> tuple[Tensor, Tensor]:
    """Give (B, K) log p and log(1 - p), where p = (1/S) sum_s sigmoid(u_s / temperature), class by class."""
    u = logit_samples(loc, cov_factor, std, z_factors, z_classes) / temperature
    return _log_mean(torch.nn.functional.logsigmoid(u)), _log_mean(torch.nn.functional.logsigmoid(-u))


def joint_log_likelihood(
    loc: Tensor,
    cov_factor: Tensor,
    std: Tensor,
    z_factors: Tensor,
    z_classes: Tensor,
    targets: Tensor,
    temperature: float | Tensor = 1.0,
) -> Tensor:
    """Give (B,) log (1/S) sum_s prod_c Bernoulli(t_c; sigmoid(u_sc / temperature)) of whole rows of 0/1 targets."""
    u = logit_samples(loc, cov_factor, std, z_factors, z_classes) / temperature
    t = targets.double()[:, None, :]
    per_class = t * torch.nn.functional.logsigmoid(u) + (1 - t) * torch.nn.functional.logsigmoid(-u)
    return _log_mean(per_class.sum(-1))


def feature_noise_samples(
    features: Tensor,
    cov_factor: Tensor,
    std: Tensor,
    weight: Tensor,
    bias: Tensor,
    z_factors: Tensor,
    z_features: Tensor,
) -> Tensor:
    """Give (B, S, K) logits u_s = W (r + V' z_F + d' z_D) + b of the head with noise in feature space.

    features r (B, D), cov_factor V' (B, D, F), std d' (B, D), weight W (K, D), bias b (K,), z_features (S, D) or
    (B, S, D).
    """
    return logit_samples(features, cov_factor, std, z_factors, z_features) @ weight.double().T + bias.double()


def feature_noise_log_mean_softmax(
    features: Tensor,
    cov_factor: Tensor,
    std: Tensor,
    weight: Tensor,
    bias: Tensor,
    z_factors: Tensor,
    z_features: Tensor,
    temperature: float | Tensor = 1.0,
) -> Tensor:
    """Give (B, K) log (1/S) sum_s softmax(u_s / temperature), with the noise in feature space."""
    u = feature_noise_samples(features, cov_factor, std, weight, bias, z_factors, z_features)
    return _log_mean(torch.log_softmax(u / temperature, dim=-1))


def covariance(cov_factor: Tensor, std: Tensor) -> Tensor:
    """Give (B, K, K) Sigma = V V^T + diag(d^2)."""
    v = cov_factor.double()
    return v @ v.transpose(-1, -2) + torch.diag_embed(std.double() ** 2)


def centred_covariance(sigma: Tensor) -> Tensor:
    """Give P Sigma P with P = I - 11^T / K: all of Sigma (..., K, K) that the argmax and the softmax can see."""
    size = sigma.shape[-1]
    p = torch.eye(size, dtype=torch.float64) - torch.full((size, size), 1.0 / size, dtype=torch.float64)
    return p @ sigma.double() @ p
