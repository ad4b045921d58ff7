from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import logsigmoid

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.functional import mean_likelihoods
from noisette.functional.logit_forms import LogitForm, LowRankLogits
from noisette.functional.logit_noise import LogitNoise, RowNoise, draw_noise, draw_row_noise
from noisette.functional.mean_likelihoods import (
    joint_sigmoid_nll,
    log_mean_softmax,
    mean_sigmoid_logits,
    mean_softmax_nll,
)
from tests.functional.noisy_problems import FORMS, Problem, all_draws, problem_of, random_problem
from tests.oracles import heteroscedastic as oracle

LIKELIHOODS = ("softmax", "nll of ids", "nll of soft labels", "sigmoid", "joint")
Function = Callable[[LogitForm, LogitNoise | RowNoise, Tensor], Tensor]
Plain = Callable[[Tensor], Tensor]


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _log_mean(values: Tensor) -> Tensor:
    return values.logsumexp(1) - math.log(values.shape[1])


def _likelihood(name: str, shape: tuple[int, int]) -> tuple[Function, Plain]:
    """Give a likelihood of ours and the same of plain (B, S, K) samples / temperature, with random targets."""
    ids = torch.randint(shape[1], shape[:1], generator=_generator(5))
    soft = torch.rand(shape, generator=_generator(6), dtype=torch.float64)
    share = soft / soft.sum(1, keepdim=True)

    def joint(u: Tensor) -> Tensor:
        t = soft[:, None]
        return -_log_mean((t * logsigmoid(u) + (1 - t) * logsigmoid(-u)).sum(2))

    def log_p(u: Tensor) -> Tensor:
        return _log_mean(u.log_softmax(2))

    pairs: dict[str, tuple[Function, Plain]] = {
        "softmax": (lambda form, noise, tau: log_mean_softmax(form, noise, temperature=tau), log_p),
        "nll of ids": (
            lambda form, noise, tau: mean_softmax_nll(form, noise, ids, temperature=tau),
            lambda u: -log_p(u)[torch.arange(shape[0]), ids],
        ),
        "nll of soft labels": (
            lambda form, noise, tau: mean_softmax_nll(form, noise, share, temperature=tau),
            lambda u: -(share * log_p(u)).sum(1),
        ),
        "sigmoid": (
            lambda form, noise, tau: mean_sigmoid_logits(form, noise, temperature=tau),
            lambda u: _log_mean(logsigmoid(u)) - _log_mean(logsigmoid(-u)),
        ),
        "joint": (lambda form, noise, tau: joint_sigmoid_nll(form, noise, soft, temperature=tau), joint),
    }
    return pairs[name]


def _noise(form: LogitForm, rows: str, samples: int, dtype: torch.dtype = torch.float64) -> LogitNoise | RowNoise:
    draw = draw_noise if rows == "shared" else draw_row_noise
    return draw(samples, *form.noise_shape, kind="monte_carlo", generator=_generator(7), dtype=dtype)


def _check(problem: Problem, likelihood: str, rows: str, samples: int, rtol: float, atol: float) -> None:
    """Compare value and all gradients, under random upstream weights, with plain autograd in float64."""
    form, dtype = problem.form, problem.tensors[0].dtype
    ours, plain = _likelihood(likelihood, form.shape)
    noise = _noise(form, rows, samples, dtype)
    draws = all_draws(noise, mean_likelihoods._stretches(form, samples))
    inputs = (*problem.tensors, torch.tensor(0.7, dtype=dtype, requires_grad=True))
    value = ours(form, noise, inputs[-1])
    expected = plain(problem.samples(*draws) / inputs[-1].double())
    weight = torch.randn(expected.shape, generator=_generator(8), dtype=torch.float64)
    found = torch.autograd.grad((weight.to(dtype) * value).sum(), inputs)
    wanted = torch.autograd.grad((weight * expected).sum(), inputs)
    for got, right in zip((value, *found), (expected, *wanted), strict=True):
        size = float(right.detach().abs().max()) if right.numel() else 0.0
        torch.testing.assert_close(got.double(), right.double(), rtol=rtol, atol=atol * max(size, 1.0))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("rows", ["shared", "each its own"])
@pytest.mark.parametrize("name", FORMS)
def test_values_and_gradients_are_those_of_plain_autograd(
    name: str, rows: str, likelihood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same noise, float64; one row at a time, two, and all at once."""
    for rows_at_once in (1, 2, 100):
        monkeypatch.setattr(mean_likelihoods, "CPU_NUMBERS", rows_at_once * 8 * 6)
        _check(random_problem(name), likelihood, rows, 8, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("name", FORMS)
def test_edges_hold_no_row_one_row_one_sample_two_classes_one_class_no_factor(name: str, likelihood: str) -> None:
    for batch, samples, classes, factors in ((0, 4, 3, 2), (1, 1, 2, 2), (1, 4, 2, 0), (1, 4, 1, 1), (0, 1, 2, 0)):
        problem = random_problem(name, batch, classes, factors, features=3)
        for rows in ("shared", "each its own"):
            _check(problem, likelihood, rows, samples, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("name", FORMS)
def test_single_precision_is_near(name: str, likelihood: str) -> None:
    problem = random_problem(name, 7, 12, 3, 9, dtype=torch.float32)
    _check(problem, likelihood, "shared", 40, rtol=1e-4, atol=1e-5)
    _check(problem, likelihood, "each its own", 40, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("name", FORMS)
def test_logits_ten_thousand_apart_are_right(name: str, likelihood: str) -> None:
    _check(random_problem(name, scale=3000.0), likelihood, "shared", 8, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", FORMS)
def test_logits_ten_thousand_apart_leave_a_live_gradient_in_single_precision(name: str) -> None:
    problem = random_problem(name, scale=3000.0, dtype=torch.float32)
    noise = _noise(problem.form, "shared", 8, torch.float32)
    losses = (
        mean_softmax_nll(problem.form, noise, log_mean_softmax(problem.form, noise).argmin(1)),
        joint_sigmoid_nll(problem.form, noise, (mean_sigmoid_logits(problem.form, noise) < 0).float()),
    )
    for loss in losses:
        gradients = torch.autograd.grad(loss.sum(), problem.tensors)
        assert loss.isfinite().all()
        assert (loss > 1).all()
        assert loss.max() > 1000
        for gradient in gradients:
            assert gradient.isfinite().all()
            assert gradient.numel() == 0 or gradient.abs().max() > 0.01


def test_the_oracle_s_own_functions_agree() -> None:
    problem = random_problem("full")
    loc, cov_factor, std = problem.tensors
    noise, close = _noise(problem.form, "shared", 9), torch.testing.assert_close
    z_factors, z_classes = all_draws(noise, [])
    all_of_it = (loc, cov_factor, std, z_factors, z_classes)
    close(log_mean_softmax(problem.form, noise), oracle.log_mean_softmax(*all_of_it))
    yes, no = oracle.log_mean_sigmoid(*all_of_it, temperature=0.3)
    close(mean_sigmoid_logits(problem.form, noise, temperature=0.3), yes - no)
    targets = torch.tensor([[0, 1, 1, 0]]).expand(5, 4)
    close(joint_sigmoid_nll(problem.form, noise, targets), -oracle.joint_log_likelihood(*all_of_it, targets))


def test_the_oracle_s_own_function_of_noisy_features_agrees() -> None:
    problem = random_problem("features, full")
    features, cov_factor, std, weight, bias = problem.tensors
    noise = _noise(problem.form, "shared", 9)
    z_factors, z_features = all_draws(noise, [])
    expected = oracle.feature_noise_log_mean_softmax(
        features, cov_factor, std, weight, bias, z_factors, z_features, temperature=2.0
    )
    torch.testing.assert_close(log_mean_softmax(problem.form, noise, temperature=2.0), expected)


def test_without_noise_the_mean_softmax_is_the_softmax() -> None:
    loc = torch.randn(4, 5, generator=_generator(), dtype=torch.float64)
    form = LowRankLogits(loc, torch.zeros(4, 5, 2, dtype=torch.float64), torch.zeros(4, 5, dtype=torch.float64))
    found = log_mean_softmax(form, _noise(form, "shared", 3), temperature=1.3)
    torch.testing.assert_close(found, (loc / 1.3).log_softmax(1))


def test_one_hot_soft_labels_are_class_ids() -> None:
    problem = random_problem("full")
    noise, ids = _noise(problem.form, "shared", 6), torch.tensor([0, 3, 1, 1, 2])
    one_hot = torch.nn.functional.one_hot(ids, 4).double()
    found = [
        torch.autograd.grad(mean_softmax_nll(problem.form, noise, t).sum(), problem.tensors) for t in (ids, one_hot)
    ]
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("name", FORMS)
def test_the_nll_is_a_drop_in_for_cross_entropy(name: str) -> None:
    """Weights, reductions and label smoothing of any other loss work on the log-probabilities."""
    problem = random_problem(name)
    noise, ids = _noise(problem.form, "shared", 6), torch.tensor([0, 3, 1, 1, 2])
    log_p = log_mean_softmax(problem.form, noise)
    expected = torch.nn.functional.cross_entropy(log_p, ids, reduction="none")
    torch.testing.assert_close(mean_softmax_nll(problem.form, noise, ids), expected)


# ---------------------------------------------------------------- laws


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(FORMS), st.integers(0, 10**6), st.floats(-50, 50))
def test_adding_a_constant_to_all_classes_changes_nothing(name: str, seed: int, constant: float) -> None:
    problem = random_problem(name, seed=seed)
    noise = _noise(problem.form, "shared", 5)
    moved = list(problem.tensors)
    at = -1 if name.startswith("features") else 0
    moved[at] = moved[at] + constant
    found = log_mean_softmax(problem_of(name, tuple(moved)).form, noise)
    torch.testing.assert_close(found, log_mean_softmax(problem.form, noise), rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(4)), st.integers(0, 10**6))
def test_permuting_the_classes_permutes_the_probabilities(order: list[int], seed: int) -> None:
    loc, cov_factor, std = random_problem("full", seed=seed).tensors
    form, moved = LowRankLogits(loc, cov_factor, std), LowRankLogits(loc[:, order], cov_factor[:, order], std[:, order])
    noise = _noise(form, "shared", 5)
    permuted = LogitNoise(noise.factors, noise.classes[:, order])  # type: ignore[union-attr]
    torch.testing.assert_close(log_mean_softmax(moved, permuted), log_mean_softmax(form, noise)[:, order])


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(FORMS), st.integers(0, 10**6), st.floats(0.01, 100))
def test_probabilities_sum_to_one(name: str, seed: int, temperature: float) -> None:
    problem = random_problem(name, seed=seed)
    log_p = log_mean_softmax(problem.form, _noise(problem.form, "each its own", 5), temperature=temperature)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(5, dtype=torch.float64), rtol=1e-12, atol=0)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(LIKELIHOODS), st.integers(0, 10**6), st.floats(0.01, 100))
def test_only_the_ratio_of_logits_and_temperature_counts(likelihood: str, seed: int, factor: float) -> None:
    loc, cov_factor, std = random_problem("full", seed=seed).tensors
    form, scaled = LowRankLogits(loc, cov_factor, std), LowRankLogits(factor * loc, factor * cov_factor, factor * std)
    function, _ = _likelihood(likelihood, form.shape)
    noise, one = _noise(form, "shared", 5), torch.tensor(1.0, dtype=torch.float64)
    torch.testing.assert_close(
        function(scaled, noise, factor * one), function(form, noise, one), rtol=1e-10, atol=1e-10
    )


# ---------------------------------------------------------------- transforms of torch


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("rows", ["shared", "each its own"])
def test_functional_gradients_are_those_of_autograd(name: str, rows: str) -> None:
    problem = random_problem(name)
    noise, ids = _noise(problem.form, rows, 6), torch.tensor([0, 3, 1, 1, 2])

    def loss(*tensors: Tensor) -> Tensor:
        return mean_softmax_nll(problem_of(name, tensors).form, noise, ids).sum()

    tensors = tuple(x.detach() for x in problem.tensors)
    found = torch.func.grad(loss, argnums=tuple(range(len(tensors))))(*tensors)
    torch.testing.assert_close(found, torch.autograd.grad(loss(*problem.tensors), problem.tensors))


@pytest.mark.parametrize("name", FORMS)
def test_vmap_gives_the_gradient_of_each_example(name: str) -> None:
    """Gradients of tensors that all examples share, too: one for each example."""
    problem = random_problem(name)
    noise, ids = _noise(problem.form, "shared", 6), torch.tensor([0, 3, 1, 1, 2])
    tensors, batch = tuple(x.detach() for x in problem.tensors), problem.form.shape[0]
    own = [x.shape[0] == batch and x.ndim > 1 for x in tensors]
    temperature = torch.tensor(0.8, dtype=torch.float64)

    def loss(label: Tensor, temperature: Tensor, *tensors: Tensor) -> Tensor:
        rows = tuple(x[None] if mine else x for x, mine in zip(tensors, own, strict=True))
        return mean_softmax_nll(problem_of(name, rows).form, noise, label[None], temperature=temperature).sum()

    each = torch.func.grad(loss, argnums=tuple(range(1, len(tensors) + 2)))
    in_dims = (0, None, *(0 if mine else None for mine in own))
    found = torch.func.vmap(each, in_dims=in_dims)(ids, temperature, *tensors)
    for i in range(batch):
        row = tuple(x[i] if mine else x for x, mine in zip(tensors, own, strict=True))
        expected = each(ids[i], temperature, *row)
        torch.testing.assert_close(tuple(x[i] for x in found), expected)


def test_a_second_derivative_is_refused_in_words() -> None:
    problem = random_problem("full")
    loss = mean_softmax_nll(problem.form, _noise(problem.form, "shared", 6), torch.tensor([0, 3, 1, 1, 2])).sum()
    (first,) = torch.autograd.grad(loss, problem.tensors[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiated once, not twice"):
        torch.autograd.grad(first.square().sum(), problem.tensors[0])


def test_gradients_do_not_depend_on_which_are_asked_for() -> None:
    problem = random_problem("features, parameter-efficient")
    noise, ids = _noise(problem.form, "shared", 6), torch.tensor([0, 3, 1, 1, 2])
    together = torch.autograd.grad(mean_softmax_nll(problem.form, noise, ids).sum(), problem.tensors)
    for tensor, expected in zip(problem.tensors, together, strict=True):
        (alone,) = torch.autograd.grad(mean_softmax_nll(problem.form, noise, ids).sum(), tensor)
        torch.testing.assert_close(alone, expected)


# ---------------------------------------------------------------- errors


def test_draws_that_do_not_fit_are_named() -> None:
    form = random_problem("full").form
    with pytest.raises(ShapeError, match=r"`noise` must have 3 factors and 4 classes .* got 2 and 4; draw it with"):
        log_mean_softmax(form, draw_noise(4, 2, 4))
    with pytest.raises(ShapeError, match=r"got 3 and 5"):
        mean_sigmoid_logits(form, draw_row_noise(4, 3, 5))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_that_is_not_above_zero_is_refused(temperature: float) -> None:
    form = random_problem("full").form
    with pytest.raises(InvalidInputError, match="`temperature` must be a number above 0"):
        log_mean_softmax(form, _noise(form, "shared", 4), temperature=temperature)


def test_targets_that_do_not_fit_are_named() -> None:
    form = random_problem("full").form
    noise = _noise(form, "shared", 4)
    with pytest.raises(ShapeError, match=r"one label a row, 5, got 4"):
        mean_softmax_nll(form, noise, torch.zeros(4, dtype=torch.long))
    with pytest.raises(UnknownClassError, match=r"must lie in 0..3, got 4"):
        mean_softmax_nll(form, noise, torch.tensor([0, 1, 2, 3, 4]))
    with pytest.raises(UnknownClassError, match=r"must lie in 0..3, got -1"):
        mean_softmax_nll(form, noise, torch.tensor([0, 1, -1, 3, 2]))
    with pytest.raises(InvalidInputError, match=r"must be class ids, got torch.float64"):
        mean_softmax_nll(form, noise, torch.zeros(5, dtype=torch.float64))
    with pytest.raises(InvalidInputError, match=r"must be class ids, got torch.bool"):
        mean_softmax_nll(form, noise, torch.zeros(5, dtype=torch.bool))
    for function in (mean_softmax_nll, joint_sigmoid_nll):
        with pytest.raises(ShapeError, match=r"must have shape .*\(5, 4\), got \(5, 3\)"):
            function(form, noise, torch.zeros(5, 3))
