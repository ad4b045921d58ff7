"""Sampled likelihoods against numbers known of one example, and against predictors that need no samples."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from noisette.functional.exact_predictors import argmax_probabilities, mean_sigmoid, two_class_probit
from noisette.functional.logit_forms import LowRankLogits
from noisette.functional.logit_noise import draw_noise, draw_row_noise
from noisette.functional.mean_likelihoods import log_mean_softmax, mean_sigmoid_logits, mean_softmax_nll
from tests.oracles import heteroscedastic as oracle

ROUNDING = 6e-5  # of numbers given to four places
REPEATS = 8


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _estimate(form: LowRankLogits, temperature: float) -> tuple[Tensor, float]:
    """Give (B, K) probabilities by 8 times 262,144 Sobol points, and the largest standard error of them."""
    parts = []
    for seed in range(REPEATS):
        noise = draw_noise(1 << 18, *form.noise_shape, kind="sobol", generator=_generator(seed), dtype=torch.float64)
        parts.append(log_mean_softmax(form, noise, temperature=temperature).exp())
    found = torch.stack(parts)
    return found.mean(0), float(found.std(0).max()) / REPEATS**0.5


def _total_variation(a: Tensor, b: Tensor) -> float:
    return 0.5 * float((a - b).abs().sum())


@pytest.mark.parametrize("temperature", oracle.TOTAL_VARIATION)
def test_the_mean_softmax_tends_to_the_argmax_as_known(temperature: float) -> None:
    loc, cov_factor, std = oracle.example(1)
    found, error = _estimate(LowRankLogits(loc, cov_factor, std), temperature)
    assert error < 1e-4
    distance = _total_variation(found, argmax_probabilities(loc, cov_factor, std))
    assert abs(distance - oracle.TOTAL_VARIATION[temperature]) < ROUNDING + 4 * error


def test_the_mean_softmax_at_temperature_one_is_the_known_one() -> None:
    found, error = _estimate(LowRankLogits(*oracle.example(1)), 1.0)
    expected = torch.tensor([oracle.MEAN_SOFTMAX_AT_1], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING + 4 * error)


def test_at_a_low_temperature_correlation_changes_the_argmax_as_known() -> None:
    loc, cov_factor, std = oracle.example(1)
    marginal = oracle.covariance(cov_factor, std).diagonal(dim1=1, dim2=2).sqrt()
    for form, known in (
        (LowRankLogits(loc, cov_factor, std), oracle.ARGMAX_PROBABILITIES),
        (LowRankLogits(loc, cov_factor[:, :, :0], marginal), oracle.DIAGONAL_ARGMAX_PROBABILITIES),
    ):
        found, error = _estimate(form, 1e-3)
        expected = torch.tensor([known], dtype=torch.float64)
        assert error < 1e-4
        torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING + 4 * error)


def test_without_noise_it_is_the_known_softmax() -> None:
    loc, cov_factor, std = oracle.example(1)
    found, _ = _estimate(LowRankLogits(loc, 0 * cov_factor, 0 * std), 1.0)
    expected = torch.tensor([oracle.SOFTMAX_OF_LOC], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("temperature", oracle.BINARY_MEAN_SIGMOID)
def test_the_mean_sigmoid_is_the_known_one(temperature: float) -> None:
    loc = torch.tensor([[oracle.BINARY_LOC]], dtype=torch.float64)
    form = LowRankLogits(loc, torch.zeros(1, 1, 0, dtype=torch.float64), torch.full_like(loc, oracle.BINARY_STD))
    noise = draw_noise(1 << 16, 0, 1, kind="sobol", generator=_generator(), dtype=torch.float64)
    found = mean_sigmoid_logits(form, noise, temperature=temperature).sigmoid()
    assert abs(float(found) - oracle.BINARY_MEAN_SIGMOID[temperature]) < 3e-5
    torch.testing.assert_close(found, mean_sigmoid(loc, torch.ones_like(loc), temperature), rtol=0, atol=2e-5)


def test_the_mean_sigmoid_of_a_class_depends_on_its_variance_alone() -> None:
    loc, cov_factor, std = oracle.example(1)
    noise = draw_noise(1 << 16, 2, 4, kind="sobol", generator=_generator(), dtype=torch.float64)
    found = mean_sigmoid_logits(LowRankLogits(loc, cov_factor, std), noise, temperature=0.7).sigmoid()
    variance = oracle.covariance(cov_factor, std).diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(found, mean_sigmoid(loc, variance, 0.7), rtol=0, atol=5e-5)


def test_two_classes_tend_to_the_normal_distribution_of_their_difference() -> None:
    loc = torch.tensor([[0.3, 0.8], [1.0, -1.0]], dtype=torch.float64)
    cov_factor = torch.tensor([[[1.0], [0.2]], [[0.5], [-0.5]]], dtype=torch.float64)
    std = torch.tensor([[0.4, 0.7], [1.0, 0.3]], dtype=torch.float64)
    found, error = _estimate(LowRankLogits(loc, cov_factor, std), 1e-3)
    assert error < 1e-4
    torch.testing.assert_close(found, two_class_probit(loc, cov_factor, std), rtol=0, atol=1e-5 + 4 * error)


def _mean_nll(samples: int, count: int) -> tuple[float, float]:
    """Give the mean of `count` NLLs of the third class, each by samples of its own, and its standard error."""
    form = LowRankLogits(*oracle.example(count))
    noise = draw_row_noise(samples, 2, 4, kind="monte_carlo", generator=_generator(samples), dtype=torch.float64)
    found = mean_softmax_nll(form, noise, torch.full((count,), 2))
    return float(found.mean()), float(found.std()) / count**0.5


def test_few_samples_bias_the_loss_upwards_as_known() -> None:
    """The log of a mean is below the mean of logs: within four standard errors, and 1 % of the known numbers' own."""
    previous = math.inf
    for samples, known in oracle.NLL_OF_THIRD_CLASS.items():
        found, error = _mean_nll(samples, max(500, 200_000 // samples))
        assert error < 0.005
        assert abs(found - known) < 0.01 * known + 4 * error
        assert oracle.NLL_OF_THIRD_CLASS_LIMIT - 4 * error < found < previous
        previous = found


def test_many_samples_reach_the_limit_of_the_loss() -> None:
    form = LowRankLogits(*oracle.example(1))
    noise = draw_noise(1 << 16, 2, 4, kind="sobol", generator=_generator(), dtype=torch.float64)
    found = float(mean_softmax_nll(form, noise, torch.tensor([2])))
    assert abs(found - oracle.NLL_OF_THIRD_CLASS_LIMIT) < 3e-4
