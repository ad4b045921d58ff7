import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from noisette.functional import LowRankLogits, draw_noise, draw_row_noise, log_mean_softmax
from noisette.heads import HeteroscedasticHead, HeteroscedasticXLHead, replace_head
from noisette.heads.base import HeteroscedasticBase

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

HEADS: list[tuple[Callable[..., HeteroscedasticBase], dict[str, Any]]] = [
    (HeteroscedasticHead, {"num_factors": 0}),
    (HeteroscedasticHead, {"num_factors": 3}),
    (HeteroscedasticHead, {"num_factors": 3, "parameter_efficient": True}),
    (HeteroscedasticHead, {"num_factors": 3, "learn_temperature": True, "noise_per_row": True}),
    (HeteroscedasticXLHead, {"num_factors": 3}),
    (HeteroscedasticXLHead, {"num_factors": 3, "parameter_efficient": False}),
]


def gradient(tensor: torch.Tensor) -> torch.Tensor:
    assert tensor.grad is not None
    return tensor.grad.cpu()


def features(size: int = 37) -> torch.Tensor:
    return torch.randn(size, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("kind", "options"), HEADS)
def test_evaluation_on_a_gpu_is_that_of_the_cpu(
    kind: Callable[..., HeteroscedasticBase], options: dict[str, Any]
) -> None:
    head = kind(8, 12, **options).eval()
    expected = head(features())
    found = copy.deepcopy(head).cuda()(features().cuda())
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kind", "options"), HEADS)
def test_gradients_on_a_gpu_are_those_of_the_cpu_in_evaluation(
    kind: Callable[..., HeteroscedasticBase], options: dict[str, Any]
) -> None:
    head, labels = kind(8, 12, **options).double().eval(), torch.arange(37) % 12
    head.nll(features().double(), labels).backward()
    moved = copy.deepcopy(head).cuda()
    moved.zero_grad()
    moved.nll(features().double().cuda(), labels.cuda()).backward()
    for known, found in zip(head.parameters(), moved.parameters(), strict=True):
        torch.testing.assert_close(gradient(found), gradient(known))


@pytest.mark.parametrize(("kind", "options"), HEADS)
def test_a_generator_of_the_gpu_makes_training_repeatable(
    kind: Callable[..., HeteroscedasticBase], options: dict[str, Any]
) -> None:
    head = kind(8, 12, **options).cuda()
    state = torch.cuda.get_rng_state()
    first, second = (
        head(features().cuda(), generator=torch.Generator("cuda").manual_seed(4)).detach() for _ in range(2)
    )
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert torch.equal(state, torch.cuda.get_rng_state())
    assert not torch.equal(first, head(features().cuda(), generator=torch.Generator("cuda").manual_seed(5)))


def test_training_draws_from_the_default_generator_of_the_gpu() -> None:
    head = HeteroscedasticHead(8, 12, num_factors=3).cuda()
    assert not torch.equal(head(features().cuda()), head(features().cuda()))


@pytest.mark.parametrize("draw", [draw_noise, draw_row_noise])
@pytest.mark.parametrize("kind", ["monte_carlo", "antithetic", "sobol", "matched"])
def test_every_kind_of_noise_is_drawn_on_the_gpu(draw: Callable[..., Any], kind: str) -> None:
    noise = draw(8, 3, 5, kind=kind, device="cuda", generator=torch.Generator("cuda").manual_seed(0)).of_rows(0, 4)
    assert noise.factors.is_cuda
    assert noise.classes.is_cuda
    assert torch.isfinite(noise.classes).all()


def test_bfloat16_autocast_on_a_gpu_keeps_the_likelihood_in_float32() -> None:
    head = HeteroscedasticHead(8, 12, num_factors=3).cuda()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = head.nll(features().cuda(), torch.arange(37, device="cuda") % 12)
    assert loss.dtype == torch.float32
    loss.backward()
    assert all(torch.isfinite(gradient(tensor)).all() for tensor in head.parameters())


def test_a_confident_mistake_keeps_its_gradient_on_a_gpu() -> None:
    head = HeteroscedasticHead(8, 12, num_factors=3).cuda()
    with torch.no_grad():
        head.loc.weight.zero_()
        head.loc.bias.copy_(torch.arange(12.0) * 1000)
    loss = head.nll(features().cuda(), torch.zeros(37, dtype=torch.long, device="cuda"))
    loss.backward()
    assert loss > 5000
    assert gradient(head.loc.bias)[0] < -0.9


def test_compiled_training_on_a_gpu_gives_the_same_loss_and_gradients() -> None:
    head = HeteroscedasticHead(8, 12, num_factors=3).cuda().eval()
    labels = torch.arange(37, device="cuda") % 12
    expected = head.nll(features().cuda(), labels)
    expected.backward()
    gradients = [gradient(tensor).clone() for tensor in head.parameters()]
    head.zero_grad()
    found = torch.compile(lambda x: head.nll(x, labels))(features().cuda())
    found.backward()
    torch.testing.assert_close(found, expected)
    for known, tensor in zip(gradients, head.parameters(), strict=True):
        torch.testing.assert_close(gradient(tensor), known, rtol=1e-3, atol=1e-5)


def test_a_replaced_head_stands_on_the_device_of_the_layer() -> None:
    model = replace_head(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5)).cuda(), num_factors=2)
    assert all(tensor.is_cuda for tensor in [*model.parameters(), *model.buffers()])
    assert model(features().cuda()).shape == (37, 5)


def test_memory_on_a_gpu_stays_far_below_all_samples_at_once() -> None:
    loc = torch.randn(256, 1000, device="cuda")
    torch.cuda.reset_peak_memory_stats()
    start = torch.cuda.memory_allocated()
    noise = draw_noise(1024, 4, 1000, device="cuda")
    log_mean_softmax(LowRankLogits(loc, torch.randn(256, 1000, 4, device="cuda"), torch.ones_like(loc)), noise)
    assert torch.cuda.max_memory_allocated() - start < 256 * 1024 * 1000 * 4 * 0.7
