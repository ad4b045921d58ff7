from __future__ import annotations

import pytest
import torch
from torch import Tensor

from noisette.errors import ShapeError
from noisette.functional.logit_forms import FeatureLogits, LogitForm, LowRankLogits, ScaledLowRankLogits
from noisette.functional.logit_noise import LogitNoise, draw_noise, draw_row_noise
from noisette.functional.logit_samplers import Sampler
from tests.functional.noisy_problems import FORMS, all_draws, problem_of, random_problem


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _scale(value: float = 1.0) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("name", FORMS)
def test_a_form_says_what_it_is_made_of(name: str) -> None:
    problem = random_problem(name, 5, 4, 3, 6)
    form = problem.form
    assert isinstance(form, LogitForm)
    assert form.shape == (5, 4)
    assert form.noise_shape == (0 if name == "diagonal" else 3, 6 if name.startswith("features") else 4)
    assert all(a is b for a, b in zip(form.tensors, problem.tensors, strict=True))
    doubled = form.rebuild(*(2 * x for x in form.tensors))
    assert type(doubled) is type(form)
    torch.testing.assert_close(doubled.tensors, tuple(2 * x for x in problem.tensors))


@pytest.mark.parametrize("rows", ["shared", "each its own"])
@pytest.mark.parametrize("name", FORMS)
def test_samples_are_those_written_out_divided_by_the_temperature(name: str, rows: str) -> None:
    problem = random_problem(name)
    draw = draw_noise if rows == "shared" else draw_row_noise
    noise = draw(7, *problem.form.noise_shape, kind="monte_carlo", generator=_generator(), dtype=torch.float64)
    stretches = [(0, 2), (2, 5)]
    with torch.no_grad():
        sampler = problem.form.sampler(noise, _scale(0.4))
        assert isinstance(sampler, Sampler)
        found = torch.cat([sampler.draw(*stretch)[0] for stretch in stretches])
        expected = 0.4 * problem.samples(*all_draws(noise, stretches))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rows", ["shared", "each its own"])
@pytest.mark.parametrize("name", FORMS)
def test_gradients_of_samples_reach_every_tensor(name: str, rows: str) -> None:
    problem = random_problem(name)
    draw = draw_noise if rows == "shared" else draw_row_noise
    noise = draw(7, *problem.form.noise_shape, kind="monte_carlo", generator=_generator(), dtype=torch.float64)
    stretches = [(0, 2), (2, 3), (3, 5)]
    scale = _scale(0.4).requires_grad_()
    upstream = torch.randn(5, 7, 4, generator=_generator(1), dtype=torch.float64)
    plain = (upstream * scale * problem.samples(*all_draws(noise, stretches))).sum()
    *expected, of_scale = torch.autograd.grad(plain, (*problem.tensors, scale))
    with torch.no_grad():
        sampler = problem.form.sampler(noise, scale)
        for start, stop in stretches:
            sampler.draw(start, stop)[1](upstream[start:stop].clone())
        found = sampler.gradients()
    torch.testing.assert_close(found, tuple(expected), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(problem.form.scaled_by(found), scale * of_scale, rtol=1e-12, atol=1e-12)


def test_the_parameter_efficient_form_is_the_full_form_of_scaled_factors() -> None:
    loc, scale, factor, std = random_problem("parameter-efficient").tensors
    noise = draw_noise(6, 3, 4, generator=_generator(), dtype=torch.float64)
    full = LowRankLogits(loc, scale[:, :, None] * factor, std)
    found, expected = (
        form.sampler(noise, _scale()).draw(0, 5)[0] for form in (ScaledLowRankLogits(loc, scale, factor, std), full)
    )
    torch.testing.assert_close(found, expected)


def test_noise_in_feature_space_has_the_covariance_that_the_layer_makes_of_it() -> None:
    """W (V' V'^T + diag(d'^2)) W^T: 200,000 samples, five standard errors."""
    problem = random_problem("features, full", 1, 4, 2, 6)
    loc, cov_factor, std, weight, bias = (x.detach() for x in problem.tensors)
    form = problem_of("features, full", (loc, cov_factor, std, weight, bias)).form
    noise = draw_noise(200_000, 2, 6, kind="monte_carlo", generator=_generator(), dtype=torch.float64)
    samples = form.sampler(noise, _scale()).draw(0, 1)[0][0]
    of_features = cov_factor[0] @ cov_factor[0].T + torch.diag(std[0] ** 2)
    expected = weight @ of_features @ weight.T
    variance = expected.diagonal()
    error = ((variance[:, None] * variance + expected**2) / len(samples)).sqrt()
    assert ((torch.cov(samples.T) - expected).abs() < 5 * error).all()
    mean_error = (variance / len(samples)).sqrt()
    assert ((samples.mean(0) - weight @ loc[0] - bias).abs() < 5 * mean_error).all()


def test_drawing_leaves_the_tensors_and_the_draws_as_they_were() -> None:
    for name in FORMS:
        problem = random_problem(name)
        noise = draw_noise(6, *problem.form.noise_shape, generator=_generator(), dtype=torch.float64)
        before = [x.detach().clone() for x in (*problem.tensors, noise.factors, noise.classes)]
        with torch.no_grad():
            logits, take = problem.form.sampler(noise, _scale()).draw(0, 5)
            take(logits)
        for tensor, copy in zip((*problem.tensors, noise.factors, noise.classes), before, strict=True):
            assert torch.equal(tensor.detach(), copy)


def test_noise_of_another_dtype_is_taken_in_that_of_the_logits() -> None:
    form = random_problem("full", dtype=torch.float32).form
    noise = draw_noise(6, 3, 4, generator=_generator(), dtype=torch.float64)
    single = LogitNoise(noise.factors.float(), noise.classes.float())
    with torch.no_grad():
        found, expected = (form.sampler(n, torch.ones(())).draw(0, 5)[0] for n in (noise, single))
    assert torch.equal(found, expected)


def test_tensors_that_do_not_fit_each_other_are_named() -> None:
    two, three = torch.zeros(5, 4), torch.zeros(5, 4, 3)
    with pytest.raises(ShapeError, match=r"`loc` must have shape \(B, K\), got \(4,\)"):
        LowRankLogits(two[0], three, two)
    with pytest.raises(ShapeError, match=r"`std` must have the shape of `loc`, \(5, 4\), got \(5, 3\)"):
        LowRankLogits(two, three, two[:, :3])
    for wrong in (two, three[:, :2], three[:4]):
        with pytest.raises(ShapeError, match=r"`cov_factor` must have shape \(5, 4, F\) to go with `loc`, got"):
            LowRankLogits(two, wrong, two)
    with pytest.raises(ShapeError, match=r"`factor_scale` must have the shape of `loc`, \(5, 4\), got \(4, 4\)"):
        ScaledLowRankLogits(two, two[:4], torch.zeros(4, 3), two)
    with pytest.raises(ShapeError, match=r"`factor` must have shape \(4, F\), got \(3, 4\)"):
        ScaledLowRankLogits(two, two, torch.zeros(3, 4), two)
    features = LowRankLogits(two, three, two)
    with pytest.raises(ShapeError, match=r"`weight` must have shape \(K, 4\), got \(4, 7\)"):
        FeatureLogits(features, torch.zeros(4, 7), torch.zeros(4))
    with pytest.raises(ShapeError, match=r"`bias` must have shape \(7,\), got \(4,\)"):
        FeatureLogits(features, torch.zeros(7, 4), torch.zeros(4))
