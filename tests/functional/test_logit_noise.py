from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from noisette.errors import InvalidInputError
from noisette.functional.logit_forms import LowRankLogits
from noisette.functional.logit_noise import LogitNoise, NoiseKind, draw_noise, draw_row_noise
from noisette.functional.mean_likelihoods import log_mean_softmax
from tests.oracles import heteroscedastic as oracle

KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)
PAIRED: tuple[NoiseKind, ...] = ("antithetic", "matched")


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _joined(noise: LogitNoise) -> Tensor:
    return torch.cat([noise.factors, noise.classes], dim=-1).double()


def _covariance(draws: Tensor) -> Tensor:
    """Second moments about 0, which is what the draws promise."""
    return draws.mT @ draws / draws.shape[-2]


# ---------------------------------------------------------------- shapes, dtypes, seeds


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("factors", "classes"), [(3, 5), (0, 2), (2, 1), (0, 1), (10, 100)])
def test_draws_have_their_shapes(kind: NoiseKind, factors: int, classes: int) -> None:
    noise = draw_noise(8, factors, classes, kind=kind, generator=_generator())
    assert noise.factors.shape == (8, factors)
    assert noise.classes.shape == (8, classes)
    assert noise.num_samples == 8
    assert noise.of_rows(2, 4) is noise
    rows = draw_row_noise(8, factors, classes, kind=kind, generator=_generator()).of_rows(2, 5)
    assert rows.factors.shape == (3, 8, factors)
    assert rows.classes.shape == (3, 8, classes)
    assert rows.num_samples == 8
    for tensor in (noise.factors, noise.classes, rows.factors, rows.classes):
        assert tensor.dtype == torch.float32
        assert tensor.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_draws_take_the_dtype_asked_for(kind: NoiseKind, dtype: torch.dtype) -> None:
    assert draw_noise(4, 1, 2, kind=kind, dtype=dtype, generator=_generator()).classes.dtype == dtype
    assert draw_row_noise(4, 1, 2, kind=kind, dtype=dtype, generator=_generator()).of_rows(0, 2).factors.dtype == dtype


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_alone_decides(kind: NoiseKind) -> None:
    first, again = (_joined(draw_noise(6, 2, 3, kind=kind, generator=_generator(1))) for _ in range(2))
    other = _joined(draw_noise(6, 2, 3, kind=kind, generator=_generator(2)))
    assert torch.equal(first, again)
    assert not torch.isclose(first, other).any()


@pytest.mark.parametrize("classes", [3, 70])
@pytest.mark.parametrize("kind", KINDS)
def test_with_a_generator_the_global_state_is_neither_read_nor_moved(kind: NoiseKind, classes: int) -> None:
    before = torch.random.get_rng_state()
    shared = _joined(draw_noise(6, 2, classes, kind=kind, generator=_generator()))
    own = _joined(draw_row_noise(6, 2, classes, kind=kind, generator=_generator()).of_rows(0, 3))
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        assert torch.equal(_joined(draw_noise(6, 2, classes, kind=kind, generator=_generator())), shared)
        assert torch.equal(_joined(draw_row_noise(6, 2, classes, kind=kind, generator=_generator()).of_rows(0, 3)), own)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_generator_draws_follow_the_global_seed_as_dropout_does(kind: NoiseKind) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first, second = draw_noise(6, 2, 3, kind=kind), draw_noise(6, 2, 3, kind=kind)
        torch.manual_seed(5)
        again = draw_noise(6, 2, 3, kind=kind)
    assert torch.equal(first.classes, again.classes)
    assert not torch.isclose(first.classes, second.classes).any()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_drawn_again_as_they_were_and_differ_from_each_other(kind: NoiseKind) -> None:
    noise = draw_row_noise(6, 2, 3, kind=kind, generator=_generator())
    first, again = _joined(noise.of_rows(4, 7)), _joined(noise.of_rows(4, 7))
    assert torch.equal(first, again)
    for a, b in ((first[0], first[1]), (first[1], first[2]), (first[0], _joined(noise.of_rows(7, 9))[0])):
        assert not torch.isclose(a, b).any()


# ---------------------------------------------------------------- moments


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", ["shared", "each its own"])
def test_draws_are_standard_normal_and_independent(kind: NoiseKind, rows: str) -> None:
    """Over 40,000 draws: mean, covariance, third and fourth moment, and the shares beyond 1 and 2 deviations."""
    if rows == "shared":
        parts = [_joined(draw_noise(40, 2, 5, kind=kind, generator=_generator(seed))) for seed in range(1000)]
        draws = torch.cat(parts)
    else:
        draws = _joined(draw_row_noise(40, 2, 5, kind=kind, generator=_generator()).of_rows(0, 1000)).flatten(0, 1)
    error = draws.shape[0] ** -0.5
    assert draws.mean(0).abs().max() < 5 * error
    assert (_covariance(draws) - torch.eye(7)).abs().max() < 5 * 2**0.5 * error
    # Pairs halve the number of independent draws; matched moments of 20 pairs thin the tails by O(1 / S).
    assert (draws**3).mean(0).abs().max() < 5 * 15**0.5 * error
    assert ((draws**4).mean(0) - 3).abs().max() < (0.5 if kind == "matched" else 5 * 96**0.5 * 2**0.5 * error)
    for bound, share in ((1.0, 0.31731), (2.0, 0.04550)):
        assert ((draws.abs() > bound).double().mean(0) - share).abs().max() < (0.02 if kind == "matched" else 0.011)


@pytest.mark.parametrize("kind", PAIRED)
def test_pairs_cancel(kind: NoiseKind) -> None:
    draws = _joined(draw_noise(10, 2, 3, kind=kind, generator=_generator()))
    assert torch.equal(draws[:5], -draws[5:])


@pytest.mark.parametrize(("samples", "factors", "classes"), [(64, 3, 10), (1000, 15, 40), (64, 0, 4)])
def test_matched_draws_have_the_identity_for_covariance(samples: int, factors: int, classes: int) -> None:
    noise = draw_noise(samples, factors, classes, generator=_generator(), dtype=torch.float64)
    found = _covariance(_joined(noise))
    torch.testing.assert_close(found, torch.eye(factors + classes, dtype=torch.float64), rtol=0, atol=1e-10)


def test_matched_draws_of_many_classes_have_unit_variances_and_factors_free_of_classes() -> None:
    found = _covariance(_joined(draw_noise(64, 5, 300, generator=_generator(), dtype=torch.float64)))
    identity = torch.eye(305, dtype=torch.float64)
    torch.testing.assert_close(found[:5], identity[:5], rtol=0, atol=1e-10)
    torch.testing.assert_close(found.diagonal(), identity.diagonal(), rtol=0, atol=1e-10)
    between_classes = found[5:, 5:] - identity[5:, 5:]
    assert 0.5 / 32**0.5 < between_classes.std() < 1.5 / 32**0.5  # not matched: of the size of chance


@pytest.mark.parametrize(("samples", "factors", "classes"), [(2, 1, 3), (2, 0, 1), (4, 8, 3), (8, 4, 2)])
def test_matched_draws_of_few_pairs_have_unit_variances(samples: int, factors: int, classes: int) -> None:
    for seed in range(20):
        draws = _joined(draw_noise(samples, factors, classes, generator=_generator(seed), dtype=torch.float64))
        ones = torch.ones(factors + classes, dtype=torch.float64)
        torch.testing.assert_close(_covariance(draws).diagonal(), ones, rtol=0, atol=1e-9)


def test_sobol_draws_fill_every_interval_of_each_dimension() -> None:
    """A scrambled, shifted net of 64 points has one in each 64th of the unit interval, for every dimension and row."""
    for draws in (
        _joined(draw_noise(64, 2, 30, kind="sobol", generator=_generator(), dtype=torch.float64))[None],
        _joined(draw_row_noise(64, 2, 30, kind="sobol", generator=_generator(), dtype=torch.float64).of_rows(0, 3)),
    ):
        cells = (torch.special.ndtr(draws) * 64).long()
        assert torch.equal(cells.sort(dim=1).values, torch.arange(64)[None, :, None].expand_as(cells))


# ---------------------------------------------------------------- estimates


def _problem(batch: int, classes: int, factors: int, seed: int = 0) -> LowRankLogits:
    """Give rows with means of size 1 and a standard deviation of about 1.2."""
    generator = _generator(seed)
    loc = torch.randn(batch, classes, generator=generator)
    cov_factor = torch.randn(batch, classes, factors, generator=generator) / max(factors, 1) ** 0.5
    return LowRankLogits(loc, cov_factor, 0.2 + torch.rand(batch, classes, generator=generator))


def _repeated(form: LowRankLogits, count: int) -> LowRankLogits:
    """Every row `count` times: with noise of each row's own, as many estimates."""
    tensors = (x.repeat_interleave(count, dim=0) for x in form.tensors)
    return LowRankLogits(*tensors)


def _estimates(form: LowRankLogits, kind: NoiseKind, samples: int, count: int, seed: int = 0) -> Tensor:
    """Give (B, count, K) probabilities by independent draws."""
    noise = draw_row_noise(samples, *form.noise_shape, kind=kind, generator=_generator(seed))
    p: Tensor = log_mean_softmax(_repeated(form, count), noise).exp().unflatten(0, (-1, count))
    return p.double()


def _reference(form: LowRankLogits, samples: int = 1 << 15) -> Tensor:
    noise = draw_noise(samples, *form.noise_shape, kind="sobol", generator=_generator(99))
    return log_mean_softmax(form, noise).exp().double()


@pytest.mark.parametrize("kind", KINDS)
def test_mean_estimates_are_right(kind: NoiseKind) -> None:
    """Within four standard errors of 4,000 estimates by 8 samples; "matched" is off by O(1/S), .01 at most here."""
    form = LowRankLogits(*(x.float() for x in oracle.example(1)))
    found = _estimates(form, kind, 8, 4000)[0]
    error = found.std(0) / 4000**0.5
    allowed = 4 * error + 1e-4 + (0.01 if kind == "matched" else 0.0)
    assert ((found.mean(0) - _reference(form)[0]).abs() < allowed).all()


def test_the_bias_of_matched_draws_falls_faster_than_their_error() -> None:
    form = LowRankLogits(*(x.float() for x in oracle.example(1)))
    exact = _reference(form)[0]
    for samples in (8, 32, 128):
        found = _estimates(form, "matched", samples, 2000)[0]
        bias = (found.mean(0) - exact).abs().max()
        error = (found - exact).square().mean().sqrt()
        assert bias < 0.06 / samples + 1e-4
        assert samples == 8 or bias < 0.5 * error


@pytest.mark.parametrize(("classes", "factors"), [(10, 3), (100, 10)])
def test_matched_draws_and_sobol_points_err_less_than_pairs_and_those_less_than_plain_draws(
    classes: int, factors: int
) -> None:
    form = _problem(4, classes, factors)
    exact = _reference(form)[:, None]
    matched, sobol, antithetic, plain = (
        float((_estimates(form, kind, 128, 40) - exact).square().mean().sqrt())
        for kind in ("matched", "sobol", "antithetic", "monte_carlo")
    )
    assert max(matched, sobol) < 0.8 * antithetic < 0.8 * plain
    if classes == 100:  # in few dimensions the two are alike
        assert matched < 0.6 * sobol


def test_a_fixed_set_of_128_draws_errs_as_little_as_is_stated() -> None:
    """Root mean square error of the probabilities against 131,072 Sobol points."""
    problems = (LowRankLogits(*(x.float() for x in oracle.example(1))), _problem(16, 10, 3), _problem(4, 100, 10))
    for form, stated in zip(problems, (0.0014, 0.0026, 0.0005), strict=True):
        noise = draw_noise(128, *form.noise_shape, generator=_generator(0))
        error = (log_mean_softmax(form, noise).exp() - _reference(form, 1 << 17)).square().mean().sqrt()
        assert 0.7 * stated < error < 1.3 * stated


# ---------------------------------------------------------------- errors


def test_sobol_points_keep_all_their_digits() -> None:
    """In float32 those within 2^-25 of 1 would be 1, and their normal numbers infinite."""
    draws = draw_noise(64, 0, 30, kind="sobol", generator=_generator(), dtype=torch.float64).classes
    digits = torch.special.ndtr(draws) * 2**30 - 0.5
    torch.testing.assert_close(digits, digits.round(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("draw", [draw_noise, draw_row_noise])
def test_arguments_out_of_range_are_named(draw: type) -> None:
    with pytest.raises(InvalidInputError, match="`num_samples` must be a whole number of at least 1, got 0"):
        draw(0, 1, 2)
    with pytest.raises(InvalidInputError, match="`num_factors` must be a whole number of at least 0, got -1"):
        draw(2, -1, 2)
    with pytest.raises(InvalidInputError, match="`num_classes` must be a whole number of at least 1, got 0"):
        draw(2, 1, 0)
    for kind in PAIRED:
        with pytest.raises(
            InvalidInputError, match=f"`num_samples` must be even, got 3: '{kind}' noise comes in pairs"
        ):
            draw(3, 1, 2, kind=kind)
    with pytest.raises(InvalidInputError, match=r"at most 21201 dimensions, got 50 factors \+ 21843 classes"):
        draw(2, 50, 21843, kind="sobol")


def test_matched_draws_have_no_limit_of_dimensions() -> None:
    assert draw_noise(4, 50, 21843, generator=_generator()).classes.isfinite().all()
