"""The integral behind `argmax_probabilities`: trapezoid sums over the factors and over the largest logit.

The integrands are smooth and vanish at both ends, so a trapezoid sum errs by e^(-c / step): halving the step about
squares a small error. Sums over every second point come for free and tell which axis needs more points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from noisette.errors import InvalidInputError

MAX_FACTORS = 3
_AGREE = 3e-5  # of sums with step h and 2 h: that with h was then right to 4 times the square of this, or better
_REACH_X, _REACH_F = 7.0, 6.5  # standard deviations on either side; what lies beyond is below 1e-10
_CHUNK = 1 << 20  # numbers held at once in each array
_MOST_POINTS, _MOST_AT_ONCE = 1 << 28, 1 << 24  # class by point, for one row: some seconds, some hundred MB


def normal_cdf(x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Give Phi(x), precise in its lower tail too, where `torch.special.ndtr` is 1 + erf and 0 below -8.3."""
    doubled: Tensor = torch.special.erfc(x * -math.sqrt(0.5))
    return 0.5 * doubled


def rotated_contrasts(cov_factor: Float[Tensor, "B K F"], std: Float[Tensor, "B K"]) -> Float[Tensor, "B K f"]:
    """Give factors with the same argmax that are easiest to integrate over, at most K - 1 of them.

    What a factor adds to every class alike moves no argmax and is taken out, by the mean weighted with 1 / d^2; then
    the axes are turned so that the first ones hold what is left, in units of d.
    """
    precision = std[:, :, None] ** -2
    centred = cov_factor - (precision * cov_factor).sum(1, keepdim=True) / precision.sum(1, keepdim=True)
    if centred.shape[2] == 0:
        return centred
    in_units = centred / std[:, :, None]
    axes = torch.linalg.eigh(in_units.transpose(1, 2) @ in_units).eigenvectors.flip(-1)
    turned: Tensor = (centred @ axes)[:, :, : max(std.shape[1] - 1, 0)]
    return turned


def integrate_argmax(
    loc: Float[Tensor, "B K"], contrasts: Float[Tensor, "B K f"], std: Float[Tensor, "B K"]
) -> Float[Tensor, "B K"]:
    """Give P(argmax = c), with as many points on each axis (the largest logit first, then the factors) as it takes."""
    out = torch.empty_like(loc)
    pending = torch.arange(len(loc), device=loc.device)
    counts = [32, *_first_counts(contrasts, std)]
    while len(pending):
        points = math.prod(counts) * loc.shape[1]
        if points > _MOST_POINTS or counts[0] * loc.shape[1] > _MOST_AT_ONCE:
            raise InvalidInputError(
                f"`std` in row {int(pending[0])} is too small beside `cov_factor` or beside the largest `std`: the "
                "integral takes too many points; estimate such probabilities by samples"
            )
        rows = max(1, _CHUNK // points)
        found = torch.cat([_sums(loc[i], contrasts[i], std[i], counts) for i in pending.split(rows)])
        out[pending] = found[:, 0]
        gaps = (found[:, 1:] - found[:, :1]).abs().amax(-1)  # (rows, axes), x first
        gaps[:, 0] = torch.maximum(gaps[:, 0], (found[:, 0].sum(-1) - 1).abs() * (_AGREE / 1e-8))
        coarse = gaps > _AGREE
        pending = pending[coarse.any(1)]
        counts = [2 * n if bool(coarse[:, axis].any()) else n for axis, n in enumerate(counts)]
    return out


def _first_counts(contrasts: Float[Tensor, "B K f"], std: Float[Tensor, "B K"]) -> list[int]:
    """Give steps to the factors that cannot pass over the change from one class to another unseen."""
    if not contrasts.numel():
        return [2] * contrasts.shape[2]
    steepest = (contrasts / std[:, :, None]).abs().amax((0, 1))
    return [2 * math.ceil(0.6 * _REACH_F * math.sqrt(1 + float(s) ** 2)) for s in steepest]


def _sums(
    loc: Float[Tensor, "B K"], contrasts: Float[Tensor, "B K f"], std: Float[Tensor, "B K"], counts: Sequence[int]
) -> Float[Tensor, "B sums K"]:
    """Give the sum over all points, then for each axis the sum over every second point of it."""
    nodes, weights = _factor_rule(counts[1:], loc)
    out = loc.new_zeros(len(loc), 1 + len(counts), loc.shape[1])
    size = max(1, _CHUNK // (len(loc) * counts[0] * loc.shape[1]))
    for f, w in zip(nodes.split(size), weights.split(size, dim=1), strict=True):
        fine, coarse = _over_largest(loc[:, None] + torch.einsum("bkf,qf->bqk", contrasts, f), std, counts[0])
        out[:, [0, *range(2, 1 + len(counts))]] += w @ fine
        out[:, 1] += w[0] @ coarse
    return out


def _factor_rule(counts: Sequence[int], like: Tensor) -> tuple[Float[Tensor, "q f"], Float[Tensor, "sums q"]]:
    """Give points in factor space, their normal weights, and for each axis weights of every second point of it."""
    nodes, weights = like.new_zeros(1, 0), like.new_ones(1, 1)
    for n in counts:
        axis = torch.linspace(-_REACH_F, _REACH_F, n + 1, dtype=like.dtype, device=like.device)
        fine = torch.exp(-0.5 * axis**2)
        coarse = torch.where(torch.arange(n + 1, device=like.device) % 2 == 0, fine, 0.0)
        rules = torch.stack([*[fine / fine.sum()] * len(weights), coarse / coarse.sum()])
        nodes = torch.cat([nodes.repeat_interleave(n + 1, 0), axis.repeat(len(nodes))[:, None]], dim=1)
        before = torch.cat([weights, weights[:1]])
        weights = (before[:, :, None] * rules[:, None, :]).flatten(1)
    return nodes, weights


def _over_largest(
    m: Float[Tensor, "B q K"], std: Float[Tensor, "B K"], count: int
) -> tuple[Float[Tensor, "B q K"], Float[Tensor, "B q K"]]:
    """Integrate over the value x of the largest of independent N(m, d^2), from `count` points and from half of them."""
    d = std[:, None, :]
    low, high = (m - _REACH_X * d).amax(-1, keepdim=True), (m + _REACH_X * d).amax(-1, keepdim=True)
    step = (high - low) / count
    x = low + step * torch.arange(count + 1, dtype=m.dtype, device=m.device)
    z = (x[..., None] - m[:, :, None, :]) / d[:, :, None, :]
    # No z is below -_REACH_X here, so the logs are finite; their sum may be far below what a product can hold.
    log_cdf = normal_cdf(z).log_()
    others = log_cdf.sum(-1, keepdim=True) - log_cdf
    density = torch.exp(others - 0.5 * z**2) / (math.sqrt(2 * math.pi) * d[:, :, None, :])
    return step * density.sum(2), 2 * step * density[:, :, ::2].sum(2)
