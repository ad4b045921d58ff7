from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from noisette.errors import InvalidInputError
from noisette.heads.xl_head import HeteroscedasticXLHead
from tests.contracts.head_problems import D, F, K, labels, logit_covariance, make_head, noise_parts, rows
from tests.oracles import heteroscedastic as oracle


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("num_classes", [K, 50])
def test_the_extra_parameters_are_those_published_and_do_not_grow_with_the_classes(num_classes: int) -> None:
    plain = count(nn.Linear(D, num_classes))
    assert count(make_head("xl", num_classes=num_classes)) == plain + 2 * (D + 1) * D + D * F + 1
    full = make_head("xl_full", num_classes=num_classes)
    assert count(full) == plain + (D + 1) * D * (1 + F)
    assert count(make_head("xl_diagonal", num_classes=num_classes)) == plain + (D + 1) * D + 1


def test_the_temperature_is_learned_unless_told_otherwise() -> None:
    head = HeteroscedasticXLHead(D, K, num_factors=F)
    assert float(head.temperature.detach()) == pytest.approx((0.3 + 3.0) / 2)
    assert head.temperature_logit.requires_grad
    fixed = HeteroscedasticXLHead(D, K, num_factors=F, learn_temperature=False, temperature=0.8)
    assert float(fixed.temperature) == pytest.approx(0.8)
    assert "temperature_logit" not in dict(fixed.named_parameters())


@pytest.mark.parametrize("form", ["xl", "xl_full", "xl_diagonal"])
def test_the_distribution_is_that_of_logits_of_features_with_noise(form: str) -> None:
    head, x = make_head(form).eval(), rows(2)
    generator = torch.Generator().manual_seed(7)
    cov_factor, std = noise_parts(head, x)
    z_factors = torch.randn(200_000, cov_factor.shape[2], generator=generator)
    z_features = torch.randn(200_000, D, generator=generator)
    weight, bias = head.loc.weight.detach(), head.loc.bias.detach()
    samples = oracle.feature_noise_samples(x, cov_factor, std, weight, bias, z_factors, z_features)
    told = head.distribution(x)
    assert told.cov_factor.shape == (2, K, cov_factor.shape[2] + D)
    assert not told.cov_diag.any()
    for sample, covariance, loc in zip(samples, told.covariance_matrix.detach(), told.loc.detach(), strict=True):
        scale = covariance.diagonal().sqrt()
        torch.testing.assert_close(sample.mean(0).float(), loc, rtol=0, atol=0.01 * float(scale.max()))
        off = (sample.T.cov().float() - covariance).abs() / (scale[:, None] * scale)
        assert float(off.max()) < 0.015  # six standard errors of 200,000 samples


def test_two_classes_with_the_same_weights_have_noise_in_common_only() -> None:
    head = make_head("xl").eval()
    with torch.no_grad():
        head.loc.weight[1] = head.loc.weight[0]
        head.loc.bias[1] = head.loc.bias[0]
    covariance = logit_covariance(head, rows())
    torch.testing.assert_close(covariance[:, 0, 1], covariance[:, 0, 0])
    found = head(rows())
    torch.testing.assert_close(found[:, 0], found[:, 1])


def test_a_warm_start_fits_the_noise_to_the_size_of_the_weights() -> None:
    for size in (0.01, 1.0, 10.0):
        linear = nn.Linear(D, K)
        with torch.no_grad():
            linear.weight.copy_(size * torch.randn(K, D, generator=torch.Generator().manual_seed(0)))
        head = make_head("xl", random=False)
        head.load_linear(linear)
        deviation = head.distribution(rows()).variance.sqrt().detach()
        assert 0.001 < float(deviation.max()) < 0.1


def test_training_learns_a_temperature_within_its_range() -> None:
    head = make_head("xl", random=False, temperature_range=(0.5, 2.0))
    start = float(head.temperature.detach())
    assert start == pytest.approx(1.25)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        optimizer.zero_grad()
        head.nll(rows(64), labels(64), generator=generator).backward()
        optimizer.step()
        assert 0.5 <= float(head.temperature.detach()) <= 2.0
    assert float(head.temperature.detach()) != start


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "`num_classes` is 1"),
        ({"temperature": 3.0}, r"`temperature` must lie between 0\.3 and 3\.0, where it is learned, got 3\.0"),
        ({"num_eval_samples": 3}, "`num_eval_samples` must be even, got 3"),
        ({"noise": "sobol", "in_features": 21_200}, "'sobol' noise has at most 21201 dimensions"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        HeteroscedasticXLHead(**({"in_features": D, "num_classes": K} | options))
