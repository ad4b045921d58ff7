from __future__ import annotations

import copy
import os
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.utils.checkpoint import checkpoint

from noisette.heads.base import HeteroscedasticBase
from tests.contracts.head_problems import FORMS, D, K, label_sets, labels, make_head, rows

EVERY_FORM = pytest.mark.parametrize("form", FORMS)


def gradients(loss: Tensor, head: nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(head.parameters())))


# -- saving, copying, casting -----------------------------------------------------------------------------------------


@EVERY_FORM
def test_a_state_dict_holds_no_points_and_goes_through_a_file_without_pickle(form: str, tmp_path: Path) -> None:
    head = make_head(form, temperature=1.3).eval()
    state = head.state_dict()
    assert not any("eval" in name for name in state)
    torch.save(state, tmp_path / "head.pt")
    fresh = make_head(form, random=False).eval()
    fresh.load_state_dict(torch.load(tmp_path / "head.pt", weights_only=True))
    assert torch.equal(fresh(rows()), head(rows()))
    assert torch.equal(fresh.temperature, head.temperature)


@EVERY_FORM
def test_a_head_with_another_number_of_samples_loads_the_same_weights(form: str) -> None:
    head = make_head(form).eval()
    finer = make_head(form, random=False, num_eval_samples=4096).eval()
    finer.load_state_dict(head.state_dict())
    assert len(finer.eval_classes) == 4096
    assert not torch.equal(finer(rows()), head(rows()))
    torch.testing.assert_close(finer(rows()).exp(), head(rows()).exp(), rtol=0, atol=0.06)


@EVERY_FORM
def test_a_deep_copy_is_the_same_and_shares_nothing(form: str) -> None:
    head = make_head(form).eval()
    other = copy.deepcopy(head)
    before = head(rows())
    assert torch.equal(other(rows()), before)
    with torch.no_grad():
        for tensor in [*other.parameters(), *other.buffers()]:
            tensor.zero_()
    assert torch.equal(head(rows()), before)


@EVERY_FORM
def test_half_precision_is_near_and_keeps_the_points_of_evaluation(form: str) -> None:
    head = make_head(form).eval()
    half = copy.deepcopy(head).to(torch.bfloat16)
    assert half.loc.weight.dtype == torch.bfloat16
    assert torch.equal(half.eval_classes, head.eval_classes)
    found = half(rows().bfloat16())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.exp(), head(rows()).exp(), rtol=0, atol=0.05)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(7))
    distribution = half.distribution(rows().bfloat16())
    assert {distribution.loc.dtype, distribution.cov_factor.dtype, distribution.cov_diag.dtype} == {torch.float32}
    loss = half.train().nll(rows().bfloat16(), labels())
    assert loss.dtype == torch.float32
    assert all(g.dtype == p.dtype for g, p in zip(gradients(loss, half), half.parameters(), strict=True))
    assert torch.equal(half.float().eval_classes, head.eval_classes)


@EVERY_FORM
def test_a_head_made_on_the_meta_device_is_filled_by_its_state(form: str) -> None:
    head = make_head(form).eval()
    with torch.device("meta"):
        by_context = make_head(form, random=False)
    for empty in (make_head(form, random=False, device="meta"), by_context):
        assert all(tensor.is_meta for tensor in [*empty.parameters(), *empty.buffers()])
        filled = empty.eval()
        nn.Sequential(filled).to_empty(device="cpu")
        filled.load_state_dict(head.state_dict())
        assert torch.equal(filled(rows()), head(rows()))
        filled.reset_evaluation_points()
        assert torch.equal(filled(rows()), head(rows()))


def test_heads_are_made_with_the_dtype_and_on_the_device_they_are_told() -> None:
    head = make_head("full", random=False, dtype=torch.float64, device="cpu")
    assert {p.dtype for p in head.parameters()} == {torch.float64}
    assert head.eval()(rows().double()).dtype == torch.float64


# -- autocast ---------------------------------------------------------------------------------------------------------


@EVERY_FORM
@pytest.mark.parametrize("multilabel", [False, True])
def test_within_autocast_likelihoods_and_their_gradients_are_float32(form: str, multilabel: bool) -> None:
    head = make_head(form, multilabel=multilabel)
    targets = label_sets() if multilabel else labels()
    expected = head.nll(rows(), targets, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = head.nll(rows().bfloat16(), targets, generator=torch.Generator().manual_seed(0))
        inside = gradients(found, head)  # on the way back, too
        assert head.covariance(rows().bfloat16()).dtype == torch.float32
        assert head.distribution(rows().bfloat16()).covariance_matrix.isfinite().all()
        assert head.eval()(rows().bfloat16()).dtype == torch.float32
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.03, atol=0.03)
    for one, other in zip(inside, gradients(expected, head), strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.1, atol=0.05)


# -- recomputation and several processes ------------------------------------------------------------------------------


class Network(nn.Module):
    """A layer and a head; the forward pass gives the loss, as `DistributedDataParallel` wants it."""

    def __init__(self, head: HeteroscedasticBase, *, recompute: bool = False) -> None:
        super().__init__()
        self.body, self.head, self.recompute = nn.Linear(D, D), head, recompute
        nn.init.eye_(self.body.weight)
        nn.init.zeros_(self.body.bias)

    def forward(self, x: Tensor, targets: Tensor, seed: int | None = None) -> Tensor:
        def loss(x: Tensor) -> Tensor:
            generator = None if seed is None else torch.Generator().manual_seed(seed)
            return self.head.nll(self.body(x), targets, generator=generator)

        found: Tensor = checkpoint(loss, x, use_reentrant=False) if self.recompute else loss(x)
        return found


@EVERY_FORM
@pytest.mark.parametrize("noise_per_row", [False, True])
@pytest.mark.parametrize("seed", [None, 3])
def test_gradient_checkpointing_changes_nothing(form: str, noise_per_row: bool, seed: int | None) -> None:
    """With torch's default generator, whose state a checkpoint keeps, or with one that is made inside."""
    found = []
    for recompute in (False, True):
        network = Network(make_head(form, noise_per_row=noise_per_row), recompute=recompute)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            loss = network(rows(), labels(), seed)
            torch.rand(3)
            found.append([loss.detach(), *gradients(loss, network)])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def _train_on_a_share(rank: int, folder: str, form: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    network = nn.parallel.DistributedDataParallel(Network(make_head(form)))
    share = slice(4 * rank, 4 * rank + 4)
    network(rows(8)[share], labels(8)[share], 3).backward()
    torch.save([p.grad for p in network.module.parameters()], f"{folder}/{rank}.pt")
    torch.distributed.barrier()
    # To take a gloo group down is to join its threads with the interpreter's lock in hand, which one of them may want.
    os._exit(0)


@pytest.mark.parametrize("form", ["full", "parameter_efficient", "xl"])
def test_two_processes_with_one_seed_have_the_gradients_of_one_process_on_both_shares(
    form: str, tmp_path: Path
) -> None:
    """Processes draw the same noise only if their generators are seeded alike; else each has draws of its own."""
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("torch was built without gloo")
    spawn(_train_on_a_share, (str(tmp_path), form), nprocs=2)
    network = Network(make_head(form))
    expected = gradients(network(rows(8), labels(8), 3), network)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_a_head_says_what_was_chosen() -> None:
    text = repr(make_head("parameter_efficient"))
    assert re.search(r"in_features=6, num_classes=5, num_factors=3, parameter_efficient=True", text)
    assert "samples=64/128 (matched)" in text
    assert f"(loc): Linear(in_features={D}, out_features={K}" in text
