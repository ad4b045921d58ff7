"""Small heads of every form with random weights in float64, and their logits with every sample in memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from noisette.heads import HeteroscedasticHead, HeteroscedasticXLHead
from noisette.heads.base import HeteroscedasticBase
from tests.oracles import heteroscedastic as oracle

D, K = 5, 4
FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "full": (HeteroscedasticHead, {"num_factors": 2, "temperature": 0.7}),
    "parameter-efficient": (HeteroscedasticHead, {"num_factors": 3, "parameter_efficient": True}),
    "diagonal": (HeteroscedasticHead, {"num_factors": 0, "learn_temperature": True}),
    "XL": (HeteroscedasticXLHead, {"num_factors": 2}),
    "XL full": (HeteroscedasticXLHead, {"num_factors": 2, "parameter_efficient": False, "temperature": 0.5}),
}
every_form = pytest.mark.parametrize("form", FORMS)


def make_head(form: str, **options: Any) -> HeteroscedasticBase:
    make, own = FORMS[form]
    head: HeteroscedasticBase = make(D, K, dtype=torch.float64, num_eval_samples=32, **own, **options)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in head.parameters():
            if parameter.ndim:
                parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return head


def features(size: int = 11, seed: int = 0) -> Tensor:
    return torch.randn(size, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sampled_logits(head: HeteroscedasticBase, x: Tensor) -> Tensor:
    """Give (B, S, K) logits / temperature from the layers of the head, every sample in memory."""
    with torch.no_grad():
        spread: Any = head.spread
        v, d, factors, classes = spread.cov_factor_of(x), spread.std_of(x), head.eval_factors, head.eval_classes
        if isinstance(head, HeteroscedasticXLHead):
            u = oracle.feature_noise_samples(x, v, d, head.loc.weight, head.loc.bias, factors, classes)
        else:
            u = oracle.logit_samples(head.loc(x), v, d, factors, classes)
        return u / head.temperature.double()


def entropy(p: Tensor) -> Tensor:
    return -torch.where(p > 0, p * p.log(), 0).sum(-1)
