from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import multivariate_normal, norm
from torch import Tensor

from noisette.errors import InvalidInputError, ShapeError
from noisette.functional.argmax_quadrature import normal_cdf
from noisette.functional.exact_predictors import argmax_probabilities, binary_probit, mean_sigmoid, two_class_probit
from tests.oracles import heteroscedastic as oracle


def _double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _random(batch: int, classes: int, factors: int, seed: int, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    loc = torch.randn(batch, classes, generator=g, dtype=torch.float64)
    cov_factor = scale * torch.randn(batch, classes, factors, generator=g, dtype=torch.float64)
    return loc, cov_factor, 0.2 + torch.rand(batch, classes, generator=g, dtype=torch.float64)


def _orthant(loc: Tensor, sigma: Tensor, chosen: int) -> float:
    """P(u_j < u_chosen for all other j), as the distribution function of the differences."""
    contrast = np.delete(np.eye(len(loc)), chosen, 0)
    contrast[:, chosen] -= 1
    cdf = multivariate_normal.cdf(
        np.zeros(len(contrast)), contrast @ loc.numpy(), contrast @ sigma.numpy() @ contrast.T, abseps=1e-6
    )
    return float(cdf)


def _quad_sigmoid(a: float, b: float) -> float:
    peak = -a / b
    breaks = sorted({-12.0, 12.0, 0.0, b, *(peak + k / b for k in (-40, -5, 0, 5, 40))})
    breaks = [z for z in breaks if -12 <= z <= 12 + b]
    pieces = [
        quad(lambda z: norm.pdf(z) * expit(a + b * z), *ends, epsabs=0, epsrel=1e-13, limit=500)[0]
        for ends in pairwise(breaks)
    ]
    return math.fsum(pieces)


def test_the_known_example_has_its_known_probabilities() -> None:
    loc, cov_factor, std = oracle.example(3)
    p = argmax_probabilities(loc, cov_factor, std)
    torch.testing.assert_close(p, _double(*oracle.ARGMAX_PROBABILITIES).repeat(3, 1), atol=1e-6, rtol=0)
    marginal = oracle.covariance(cov_factor, std).diagonal(dim1=1, dim2=2).sqrt()
    diagonal = argmax_probabilities(loc, cov_factor[:, :, :0], marginal)
    torch.testing.assert_close(diagonal, _double(*oracle.DIAGONAL_ARGMAX_PROBABILITIES).repeat(3, 1), atol=6e-5, rtol=0)


@pytest.mark.parametrize(("classes", "factors", "scale"), [(3, 0, 1), (3, 1, 4), (3, 2, 2), (3, 6, 1), (4, 2, 0.5)])
def test_argmax_equals_the_distribution_function_of_differences(classes: int, factors: int, scale: float) -> None:
    loc, cov_factor, std = _random(2, classes, factors, seed=factors, scale=scale)
    sigma = oracle.covariance(cov_factor, std)
    slow = [[_orthant(loc[i], sigma[i], c) for c in range(classes)] for i in range(2)]
    tolerance = 1e-8 if classes == 3 else 1e-5  # beyond two dimensions scipy's value is itself an estimate
    p = argmax_probabilities(loc, cov_factor, std)
    torch.testing.assert_close(p, torch.tensor(slow, dtype=torch.float64), atol=tolerance, rtol=0)


def test_argmax_of_three_factors_equals_a_count_of_samples() -> None:
    loc, cov_factor, std = _random(1, 6, 3, seed=5, scale=0.4)
    g = torch.Generator().manual_seed(0)
    size = 400_000
    z = torch.randn(size, 3, generator=g), torch.randn(size, 6, generator=g)
    counts = torch.bincount(oracle.logit_samples(loc, cov_factor, std, *z)[0].argmax(-1), minlength=6)
    p = argmax_probabilities(loc, cov_factor, std)[0]
    assert float(((counts / size - p) / (p * (1 - p) / size).sqrt()).abs().max()) < 4


def test_two_classes_agree_with_the_argmax_and_sum_to_one() -> None:
    loc, cov_factor, std = _random(5, 2, 2, seed=1)
    pair = two_class_probit(loc, cov_factor, std)
    torch.testing.assert_close(pair, argmax_probabilities(loc, cov_factor, std), atol=1e-9, rtol=0)
    torch.testing.assert_close(pair.sum(-1), torch.ones(5, dtype=torch.float64))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50))
def test_what_all_classes_share_moves_no_argmax(seed: int, shift: float) -> None:
    loc, cov_factor, std = _random(2, 4, 1, seed)
    p = argmax_probabilities(loc, cov_factor, std)
    torch.testing.assert_close(p.sum(-1), torch.ones(2, dtype=torch.float64), atol=1e-8, rtol=0)
    moved = argmax_probabilities(loc + shift, cov_factor + shift, std)
    torch.testing.assert_close(moved, p, atol=1e-7, rtol=0)
    order = torch.tensor([2, 0, 3, 1])
    turned = argmax_probabilities(loc[:, order], cov_factor[:, order], std[:, order])
    torch.testing.assert_close(turned, p[:, order], atol=1e-7, rtol=0)


def test_rows_do_not_depend_on_their_batch() -> None:
    loc, cov_factor, std = _random(40, 5, 1, seed=2, scale=3)
    cov_factor[::2] *= 0.1
    together = argmax_probabilities(loc, cov_factor, std)
    alone = torch.cat([argmax_probabilities(loc[i, None], cov_factor[i, None], std[i, None]) for i in range(40)])
    torch.testing.assert_close(together, alone, atol=1e-7, rtol=0)


def test_narrow_and_wide_noise_in_one_row() -> None:
    loc, std = _double(0.0, 0.3, -1.0)[None], _double(0.002, 1.0, 0.5)[None]
    p = argmax_probabilities(loc, loc[:, :, None][:, :, :0], std)[0]
    slow = [_orthant(loc[0], torch.diag(std[0] ** 2), c) for c in range(3)]
    torch.testing.assert_close(p, _double(*slow), atol=1e-8, rtol=0)


def test_argmax_of_many_equal_classes_of_one_class_and_of_no_row() -> None:
    many = argmax_probabilities(torch.zeros(1, 2000), torch.zeros(1, 2000, 1), torch.ones(1, 2000))
    torch.testing.assert_close(many, torch.full((1, 2000), 1 / 2000), atol=1e-9, rtol=1e-5)
    one = argmax_probabilities(torch.zeros(2, 1), torch.ones(2, 1, 2), torch.ones(2, 1))
    torch.testing.assert_close(one, torch.ones(2, 1))
    assert argmax_probabilities(torch.zeros(0, 3), torch.ones(0, 3, 2), torch.ones(0, 3)).shape == (0, 3)


def test_probit_has_the_known_value_and_a_precise_tail() -> None:
    known = binary_probit(_double(oracle.BINARY_LOC), _double(oracle.BINARY_STD))
    assert float(known) == pytest.approx(oracle.BINARY_PROBIT, abs=5e-6)
    tail = binary_probit(_double(-30.0), _double(1.0))
    assert float(tail) == pytest.approx(norm.cdf(-30.0), rel=1e-11)
    pair = two_class_probit(_double(30.0, 0.0)[None], torch.zeros(1, 2, 0).double(), _double(0.6, 0.8)[None])[0]
    np.testing.assert_allclose(pair.numpy(), [1.0, norm.cdf(-30.0)], rtol=1e-11)
    assert float(normal_cdf(_double(40.0))) == 1.0


@pytest.mark.parametrize(("temperature", "known"), oracle.BINARY_MEAN_SIGMOID.items())
def test_mean_sigmoid_has_the_known_values(temperature: float, known: float) -> None:
    value = mean_sigmoid(_double(oracle.BINARY_LOC), _double(oracle.BINARY_STD**2), temperature)
    assert float(value) == pytest.approx(known, abs=6e-6)


@pytest.mark.parametrize("ratio", [1e-3, 0.3, 1.0, 1.99, 2.01, 5.0, 30.0, 100.0])
def test_mean_sigmoid_equals_an_integral_at_any_ratio_of_noise_to_temperature(ratio: float) -> None:
    at = [-20.0, -8.0, -2.0, -0.1, 0.0, 0.7, 5.0, 20.0]
    slow = [_quad_sigmoid(a, ratio) for a in at]
    value = mean_sigmoid(0.5 * _double(*at), _double((0.5 * ratio) ** 2), 0.5)
    np.testing.assert_allclose(value.numpy(), slow, rtol=1e-11)


@pytest.mark.parametrize(("loc", "std"), [(-300.0, 0.5), (-680.0, 1.9), (-600.0, 2.1), (-650.0, 10.0)])
def test_mean_sigmoid_is_precise_far_in_the_tail(loc: float, std: float) -> None:
    # e^u (1 - e^u + ...): the rest is below 1e-16 of the first term.
    value = mean_sigmoid(_double(loc), _double(std**2))
    assert float(value) == pytest.approx(math.exp(loc + std**2 / 2), rel=1e-12)
    assert float(mean_sigmoid(_double(-loc), _double(std**2))) == 1.0


def test_mean_sigmoid_without_noise_is_the_sigmoid() -> None:
    loc = torch.linspace(-700, 700, 57, dtype=torch.float64)
    torch.testing.assert_close(mean_sigmoid(loc, torch.zeros(()).double()), loc.sigmoid(), atol=0, rtol=1e-12)


@pytest.mark.parametrize("std", [0.0, 0.5, 1.99, 2.01, 20.0])
def test_mean_sigmoid_differentiates_in_all_arguments(std: float) -> None:
    at = [-3.0 * max(std, 1) ** 2, -1.5, -0.1, 0.4, 2.0]
    loc = _double(*at).requires_grad_()
    temperature = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    variance = torch.full((5,), std**2, dtype=torch.float64, requires_grad=std > 0)
    assert torch.autograd.gradcheck(mean_sigmoid, (loc, variance, temperature), atol=1e-8, rtol=1e-5)
    still = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    mean_sigmoid(loc, still).sum().backward()
    s = loc.detach().sigmoid()
    torch.testing.assert_close(still.grad, 0.5 * s * (1 - s) * (1 - 2 * s))


def test_probits_differentiate() -> None:
    loc, cov_factor, std = (x.requires_grad_() for x in _random(3, 2, 2, seed=4))
    assert torch.autograd.gradcheck(two_class_probit, (loc, cov_factor, std))
    assert torch.autograd.gradcheck(binary_probit, (loc, std))


def test_dtype_and_shape_are_kept() -> None:
    assert mean_sigmoid(torch.zeros(2, 3), torch.ones(3)).dtype == torch.float32
    assert mean_sigmoid(torch.zeros(2, 1), torch.ones(3)).shape == (2, 3)
    assert mean_sigmoid(torch.zeros(0), torch.zeros(0)).shape == (0,)
    large = mean_sigmoid(torch.zeros(3, 20_000), torch.ones(()))  # more than one chunk
    torch.testing.assert_close(large, torch.full((3, 20_000), 0.5))
    loc, cov_factor, std = (x.float() for x in _random(2, 3, 1, seed=0))
    assert argmax_probabilities(loc, cov_factor, std).dtype == torch.float32


def test_bad_arguments_say_what_is_wrong() -> None:
    loc, cov_factor, std = _random(2, 5, 4, seed=0)
    with pytest.raises(
        ShapeError, match=r"`cov_factor` must have shape \(B, K, F\) with F <= 3 for 5 classes, got F = 4"
    ):
        argmax_probabilities(loc, cov_factor, std)
    with pytest.raises(InvalidInputError, match=r"`std` must be above 0 everywhere, got 0\.0"):
        argmax_probabilities(loc, cov_factor[:, :, :1], torch.zeros_like(std))
    with pytest.raises(ShapeError, match=r"`std` must have shape \(2, 5\), got \(2, 4\)"):
        argmax_probabilities(loc, cov_factor[:, :, :1], std[:, :4])
    with pytest.raises(ShapeError, match=r"`cov_factor` must have shape \(2, 5, F\), got \(2, 5\)"):
        argmax_probabilities(loc, loc, std)
    with pytest.raises(ShapeError, match=r"`loc` must have shape \(B, K\), got \(5,\)"):
        argmax_probabilities(loc[0], cov_factor, std)
    with pytest.raises(InvalidInputError, match="must be finite"):
        argmax_probabilities(loc.index_fill(1, torch.tensor([1]), math.nan), cov_factor[:, :, :1], std)
    with pytest.raises(InvalidInputError, match="`std` in row 0 is too small beside `cov_factor`"):
        argmax_probabilities(loc, 1000 * cov_factor[:, :, :3], std)
    with pytest.raises(ShapeError, match=r"`loc` must have shape \(B, 2\), got \(2, 5\)"):
        two_class_probit(loc, cov_factor, std)
    with pytest.raises(InvalidInputError, match="`std` must be above 0"):
        binary_probit(loc, -std)
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(InvalidInputError, match="`variance` must be finite and at least 0"):
            mean_sigmoid(loc, torch.full_like(loc, wrong))
    with pytest.raises(InvalidInputError, match=r"`temperature` must be above 0, got 0\.0"):
        mean_sigmoid(loc, std, 0.0)
