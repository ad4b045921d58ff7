"""What a head says of a row's logits, as numbers one can look at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class LogitDistribution:
    """Normal logits of a batch, ``N(loc, cov_factor cov_factor^T + diag(cov_diag))``, before the temperature.

    The names are those of `torch.distributions.LowRankMultivariateNormal`, which takes them where `cov_diag` is
    above 0. In float32 at least.

    Attributes:
        loc: (B, K) means.
        cov_factor: (B, K, F); of an XL head (B, K, F + D), the noise of features seen through the weights.
        cov_diag: (B, K) *variances* >= 0; of an XL head 0.
    """

    loc: Float[Tensor, "B K"]
    cov_factor: Float[Tensor, "B K R"]
    cov_diag: Float[Tensor, "B K"]

    @property
    def variance(self) -> Float[Tensor, "B K"]:
        """(B, K) variance of each logit."""
        return self.cov_factor.square().sum(-1) + self.cov_diag

    @property
    def covariance_matrix(self) -> Float[Tensor, "B K K"]:
        """(B, K, K); K^2 numbers a row."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()


def at_least_float32(tensor: Tensor) -> Tensor:
    """Give half-precision numbers as float32, others as they are."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def centered(covariance: Float[Tensor, "*B K K"]) -> Float[Tensor, "*B K K"]:
    """Give ``P covariance P``, P = I - 1 1^T / K: the part that changes probabilities.

    A constant added to the noise of all classes at once changes no softmax, so only this part can be learned.
    """
    rows = covariance - covariance.mean(-2, keepdim=True)
    return rows - rows.mean(-1, keepdim=True)
