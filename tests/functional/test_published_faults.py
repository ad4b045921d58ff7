"""What public implementations of these heads get wrong: each check passes for ours and fails for the faulty way."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from noisette.functional import mean_likelihoods
from noisette.functional.logit_forms import LogitForm, LowRankLogits, ScaledLowRankLogits
from noisette.functional.logit_noise import LogitNoise, RowNoise, draw_noise, draw_row_noise
from noisette.functional.mean_likelihoods import (
    joint_sigmoid_nll,
    log_mean_softmax,
    mean_sigmoid_logits,
    mean_softmax_nll,
)
from tests.functional.noisy_problems import random_problem
from tests.oracles import heteroscedastic as oracle

SAMPLES = 100_000


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _ours(form: LogitForm, noise: LogitNoise) -> Tensor:
    """Give (B, S, K) logits as they are sampled."""
    return form.sampler(noise, torch.ones((), dtype=torch.float64)).draw(0, form.shape[0])[0]


def _plain_noise(form: LogitForm, seed: int = 0) -> LogitNoise:
    return draw_noise(SAMPLES, *form.noise_shape, kind="monte_carlo", generator=_generator(seed), dtype=torch.float64)


def _example() -> LowRankLogits:
    return LowRankLogits(*oracle.example(1))


def _assert_covariance(samples: Tensor, expected: Tensor) -> None:
    """Within five standard errors of a covariance of (S, K) samples."""
    variance = expected.diagonal()
    error = ((variance[:, None] * variance + expected**2) / len(samples)).sqrt()
    assert ((torch.cov(samples.T) - expected).abs() < 5 * error).all()


# ---------------------------------------------------------------- 1. one draw for all classes


def _one_draw_for_all_classes(form: LowRankLogits) -> Tensor:
    noise = _plain_noise(form)
    return form.loc[:, None] + noise.factors @ form.cov_factor.mT + form.std[:, None] * noise.classes[:, :1]


def test_1_the_noise_of_the_classes_is_independent() -> None:
    form = _example()
    expected = oracle.covariance(form.cov_factor, form.std)[0]
    _assert_covariance(_ours(form, _plain_noise(form))[0], expected)
    with pytest.raises(AssertionError):
        _assert_covariance(_one_draw_for_all_classes(form)[0], expected)


def test_1_the_diagonal_form_has_a_diagonal_covariance() -> None:
    loc, cov_factor, std = oracle.example(1)
    form = LowRankLogits(loc, cov_factor[:, :, :0], std)
    _assert_covariance(_ours(form, _plain_noise(form))[0], torch.diag(std[0] ** 2))
    with pytest.raises(AssertionError):
        _assert_covariance(_one_draw_for_all_classes(form)[0], torch.diag(std[0] ** 2))


# ---------------------------------------------------------------- 2. clipped probabilities, low precision

Loss = Callable[[Tensor], Tensor]


def _loss_of(loc: Tensor) -> Tensor:
    form = LowRankLogits(loc, torch.zeros(1, 2, 1), torch.full((1, 2), 0.01))
    return mean_softmax_nll(form, draw_noise(10, 1, 2, generator=_generator()), torch.tensor([1]))


def _clipped_loss_of(loc: Tensor) -> Tensor:
    return -(loc.softmax(1)[:, 1].clamp(min=1e-7)).log()


def _assert_alive(loss_of: Loss, difference: float) -> None:
    loc = torch.tensor([[difference, 0.0]], requires_grad=True)
    loss = loss_of(loc)
    loss.sum().backward()
    assert loc.grad is not None
    torch.testing.assert_close(loss.detach(), torch.tensor([difference]), rtol=1e-3, atol=0)
    torch.testing.assert_close(loc.grad, torch.tensor([[1.0, -1.0]]), rtol=1e-3, atol=0)


@pytest.mark.parametrize("difference", [20.0, 40.0, 1000.0, 1e4])
def test_2_a_confident_mistake_keeps_its_loss_and_its_gradient(difference: float) -> None:
    _assert_alive(_loss_of, difference)
    with pytest.raises(AssertionError):
        _assert_alive(_clipped_loss_of, difference)


def _low_precision_loss(form: LogitForm, noise: LogitNoise, ids: Tensor) -> Tensor:
    assert isinstance(form, LowRankLogits)
    u = form.loc[:, None] + noise.factors.bfloat16() @ form.cov_factor.mT + form.std[:, None] * noise.classes.bfloat16()
    log_p = torch.logsumexp(u.log_softmax(2), 1) - math.log(u.shape[1])
    return -log_p[torch.arange(len(ids)), ids]


@pytest.mark.parametrize("backward_inside", [True, False])
def test_2_inside_autocast_all_is_computed_in_float32(backward_inside: bool) -> None:
    """Inputs in bfloat16, as layers give them there; the result is that of the same inputs in float64."""
    problem = random_problem("full", 8, 20, 3, scale=5.0, dtype=torch.bfloat16)
    noise = draw_noise(32, 3, 20, generator=_generator())
    ids = torch.arange(8)

    def check(nll: Callable[[LogitForm, LogitNoise, Tensor], Tensor]) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = nll(problem.form, noise, ids)
            gradients = torch.autograd.grad(loss.sum(), problem.tensors) if backward_inside else ()
        gradients = gradients or torch.autograd.grad(loss.sum(), problem.tensors)
        loc, cov_factor, std = tensors = tuple(x.detach().double().requires_grad_() for x in problem.tensors)
        expected = -oracle.log_mean_softmax(loc, cov_factor, std, noise.factors, noise.classes)[torch.arange(8), ids]
        torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
        for found, wanted in zip(gradients, torch.autograd.grad(expected.sum(), tensors), strict=True):
            # Gradients take the dtype of their tensors: bfloat16 has 8 bits.
            torch.testing.assert_close(found.double(), wanted, rtol=2**-8, atol=1e-6)

    check(mean_softmax_nll)
    with pytest.raises(AssertionError):
        check(_low_precision_loss)


# ---------------------------------------------------------------- 3. seeds


def _one_seed_for_both() -> LogitNoise:
    shape = (SAMPLES, 3)
    return LogitNoise(*(torch.randn(shape, generator=_generator(1), dtype=torch.float64) for _ in range(2)))


def _global_seed() -> LogitNoise:
    torch.manual_seed(0)
    return LogitNoise(torch.randn(SAMPLES, 3), torch.randn(SAMPLES, 3))


def _assert_independent(noise: LogitNoise) -> None:
    between = noise.factors.double().mT @ noise.classes.double() / noise.num_samples
    assert between.abs().max() < 5 * SAMPLES**-0.5


def _assert_global_state_untouched(draw: Callable[[], object]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(77)
        before = torch.random.get_rng_state()
        draw()
        assert torch.equal(torch.random.get_rng_state(), before)


def test_3_factors_and_classes_are_drawn_independently() -> None:
    _assert_independent(draw_noise(SAMPLES, 3, 3, kind="monte_carlo", generator=_generator(1)))
    with pytest.raises(AssertionError):
        _assert_independent(_one_seed_for_both())


def test_3_the_global_seed_is_left_alone() -> None:
    problem = random_problem("full")

    def forward_and_backward() -> None:
        for noise in (draw_noise(8, 3, 4, generator=_generator()), draw_row_noise(8, 3, 4, generator=_generator())):
            log_mean_softmax(problem.form, noise).sum().backward()

    _assert_global_state_untouched(forward_and_backward)
    with pytest.raises(AssertionError):
        _assert_global_state_untouched(_global_seed)


# ---------------------------------------------------------------- 4. the mean of the logits


def _assert_mean_is_loc(samples: Tensor, loc: Tensor) -> None:
    torch.testing.assert_close(samples.mean(1), loc, rtol=0, atol=1e-6)


def test_4_noise_does_not_move_the_mean() -> None:
    """Matched draws average to 0 exactly; a bias on the factor layer's output would add to the logits."""
    loc, cov_factor, std = oracle.example(3)
    noise = draw_noise(64, 2, 4, generator=_generator(), dtype=torch.float64)
    scaled = ScaledLowRankLogits(loc, std.neg(), cov_factor[0], std)
    for form in (LowRankLogits(loc, cov_factor, std), scaled):
        _assert_mean_is_loc(_ours(form, noise), loc)
    biased = loc[:, None] + (noise.factors @ cov_factor.mT + 0.1) + std[:, None] * noise.classes
    with pytest.raises(AssertionError):
        _assert_mean_is_loc(biased, loc)


# ---------------------------------------------------------------- 5. two classes


def _unrelated_pair(form: LogitForm, noise: LogitNoise | RowNoise) -> Tensor:
    other = draw_noise(noise.num_samples, *form.noise_shape, kind="monte_carlo", generator=_generator(9))
    first, second = log_mean_softmax(form, noise), log_mean_softmax(form, other)
    return torch.stack([first[:, 0], second[:, 1]], dim=1)


@pytest.mark.parametrize("draw", [draw_noise, draw_row_noise])
def test_5_the_probabilities_of_two_classes_sum_to_one(draw: Callable[..., LogitNoise | RowNoise]) -> None:
    form = random_problem("full", classes=2, dtype=torch.float32).form
    noise = draw(16, 3, 2, kind="monte_carlo", generator=_generator())

    def check(way: Callable[[LogitForm, LogitNoise | RowNoise], Tensor]) -> None:
        torch.testing.assert_close(way(form, noise).exp().sum(1), torch.ones(5), rtol=1e-5, atol=0)

    check(log_mean_softmax)
    with pytest.raises(AssertionError):
        check(_unrelated_pair)


# ---------------------------------------------------------------- 6. memory


class _Memory(TorchDispatchMode):
    """Numbers in the largest tensor made, and the most numbers that lived at once of those made meanwhile."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it bare
        self.largest = self.peak = self._live = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage(), tensor.element_size())
        return out

    def start_with(self, *tensors: Tensor) -> None:
        """Leave these out of account."""
        self._known.update(tensor.untyped_storage()._cdata for tensor in tensors)

    def _note(self, storage: torch.UntypedStorage, size: int) -> None:
        key, numbers = storage._cdata, storage.nbytes() // size
        if key in self._known:
            return
        self._known.add(key)
        self._live += numbers
        self.largest, self.peak = max(self.largest, numbers), max(self.peak, self._live)
        weakref.finalize(storage, self._forget, key, numbers)

    def _forget(self, key: int, numbers: int) -> None:
        self._known.discard(key)
        self._live -= numbers


def _memory_of(loss_of: Callable[[], Tensor], tensors: tuple[Tensor, ...]) -> _Memory:
    """Run forward and backward passes."""
    memory = _Memory()
    with memory:
        memory.start_with(*tensors)
        torch.autograd.grad(loss_of().sum(), tensors)
    return memory


BATCH, CLASSES, FACTORS, DRAWS = 48, 200, 4, 300
AT_ONCE = DRAWS * CLASSES  # a row's samples, the least there can be
LEAN: dict[str, Callable[[LogitForm, LogitNoise | RowNoise], Tensor]] = {
    "softmax": log_mean_softmax,
    "nll": lambda form, noise: mean_softmax_nll(form, noise, torch.arange(BATCH)),
    "sigmoid": mean_sigmoid_logits,
    "joint": lambda form, noise: joint_sigmoid_nll(form, noise, torch.ones(BATCH, CLASSES)),
}


def _assert_lean(memory: _Memory, form: str) -> None:
    """O(B K F + B S + S (F + K)) numbers and a few times a row's samples; without B K F where V is shared."""
    of_rows = BATCH * CLASSES * (FACTORS if form == "full" else 1)
    bound = 4 * of_rows + 3 * BATCH * DRAWS + 2 * DRAWS * (FACTORS + CLASSES) + 6 * AT_ONCE
    assert bound < BATCH * DRAWS * CLASSES / 3
    assert memory.largest <= max(of_rows, BATCH * DRAWS, DRAWS * (FACTORS + CLASSES))
    assert memory.peak <= bound


@pytest.mark.parametrize(("likelihood", "rows"), [*((name, "shared") for name in LEAN), ("nll", "each its own")])
@pytest.mark.parametrize("form", ["full", "parameter-efficient"])
def test_6_samples_of_all_rows_never_exist_at_once(
    form: str, rows: str, likelihood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mean_likelihoods, "CPU_NUMBERS", AT_ONCE)
    problem = random_problem(form, BATCH, CLASSES, FACTORS, dtype=torch.float32)
    draw = draw_noise if rows == "shared" else draw_row_noise
    noise = draw(DRAWS, FACTORS, CLASSES, kind="monte_carlo", generator=_generator())
    _assert_lean(_memory_of(lambda: LEAN[likelihood](problem.form, noise), problem.tensors), form)


def test_6_the_naive_layer_takes_memory_for_all_samples() -> None:
    problem = random_problem("full", BATCH, CLASSES, FACTORS, dtype=torch.float32)
    noise = draw_noise(DRAWS, FACTORS, CLASSES, generator=_generator())
    loc, cov_factor, std = problem.tensors

    def naive() -> Tensor:
        u = loc[:, None] + noise.factors @ cov_factor.mT + std[:, None] * noise.classes
        return torch.logsumexp(u.log_softmax(2), 1)

    memory = _memory_of(naive, problem.tensors)
    assert memory.largest == BATCH * DRAWS * CLASSES
    assert memory.peak >= 2 * memory.largest
    with pytest.raises(AssertionError):
        _assert_lean(memory, "full")


# ---------------------------------------------------------------- 7. noise that cancels, factors scaled the wrong way


def _mean_logit(form: LogitForm, noise: LogitNoise) -> Tensor:
    return _ours(form, noise).mean(1).log_softmax(1)


def _assert_noise_counts(way: Callable[[LogitForm, LogitNoise], Tensor]) -> None:
    """The known probabilities of the example come out, and its standard deviations get a gradient."""
    loc, cov_factor, std = oracle.example(1)
    std.requires_grad_()
    noise = draw_noise(1 << 12, 2, 4, generator=_generator(), dtype=torch.float64)
    log_p = way(LowRankLogits(loc, cov_factor, std), noise)
    expected = torch.tensor([oracle.MEAN_SOFTMAX_AT_1], dtype=torch.float64)
    torch.testing.assert_close(log_p.exp(), expected, rtol=0, atol=1e-3)
    (gradient,) = torch.autograd.grad(log_p[0, 2], std)
    assert gradient.abs().max() > 0.01


def test_7_noise_does_not_cancel_before_the_softmax() -> None:
    _assert_noise_counts(log_mean_softmax)
    with pytest.raises(AssertionError):
        _assert_noise_counts(_mean_logit)


def test_7_the_scale_is_that_of_classes_not_of_factors() -> None:
    """diag(v) V, not V diag(v)."""
    problem = random_problem("parameter-efficient", 1, 4, 3)
    loc, scale, factor, std = (x.detach() for x in problem.tensors)
    form = ScaledLowRankLogits(loc, scale, factor, std)
    expected = torch.diag(scale[0]) @ factor @ factor.T @ torch.diag(scale[0]) + torch.diag(std[0] ** 2)
    noise = _plain_noise(form)
    _assert_covariance(_ours(form, noise)[0], expected)
    wrong = LowRankLogits(loc, (factor @ torch.diag(scale[0, :3]))[None], std)
    with pytest.raises(AssertionError):
        _assert_covariance(_ours(wrong, noise)[0], expected)
