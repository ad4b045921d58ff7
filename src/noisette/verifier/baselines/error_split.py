"""The split of DRAE: the threshold that cuts reconstruction errors into the two tightest groups."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def split_errors(
    errors: Float[Tensor, "C n"], valid: Bool[Tensor, "C n"]
) -> tuple[Bool[Tensor, "C n"], Float[Tensor, "C"]]:
    """Cut the errors of each class where h(t) = within-group variance / total variance is lowest.

    Args:
        errors: (C, n) reconstruction errors >= 0 of C classes.
        valid: (C, n) False for padding.

    Returns:
        (C, n) True for the low group (the inliers), and (C,) thresholds halfway between the groups. Errors that are all
        the same cannot be cut: all are low then and the threshold is their value.
    """
    counts = valid.sum(dim=1, keepdim=True)
    ranked, _ = errors.double().masked_fill(~valid, torch.inf).sort(dim=1)
    known = ranked.masked_fill(torch.isinf(ranked), 0.0)
    size = torch.arange(1, errors.shape[1] + 1, device=errors.device)
    rest = (counts - size).clamp(min=1)
    sums, squares = known.cumsum(dim=1), known.square().cumsum(dim=1)
    within = squares - sums.square() / size
    within += (squares[:, -1:] - squares) - (sums[:, -1:] - sums).square() / rest
    following = torch.cat([ranked[:, 1:], torch.full_like(ranked[:, :1], torch.inf)], dim=1)
    can_cut = (size < counts) & (ranked < following)
    lowest, cut = within.masked_fill(~can_cut, torch.inf).min(dim=1, keepdim=True)
    halfway = (known.gather(1, cut) + following.gather(1, cut)) / 2
    threshold = torch.where(torch.isinf(lowest), known.amax(dim=1, keepdim=True), halfway)
    return (errors.double() <= threshold) & valid, threshold[:, 0].to(errors.dtype)


def variance_ratio(
    errors: Float[Tensor, "C n"], low: Bool[Tensor, "C n"], valid: Bool[Tensor, "C n"]
) -> Float[Tensor, "C"]:
    """H of each class for a given split, in [0, 1]; 0 where the errors do not vary. Differentiable in the errors."""
    within = _scatter(errors, low) + _scatter(errors, valid & ~low)
    total = _scatter(errors, valid)
    varies = total > 0
    return torch.where(varies, within / torch.where(varies, total, 1.0), 0.0)


def _scatter(errors: Tensor, group: Tensor) -> Tensor:
    """Sum of squared distances to the group's mean, (C,)."""
    weight = group.to(errors.dtype)
    mean = (errors * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True).clamp(min=1)
    return ((errors - mean).square() * weight).sum(dim=1)
