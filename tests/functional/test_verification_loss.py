from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

from noisette.errors import InvalidInputError, ShapeError
from noisette.functional import cleannet_loss
from noisette.functional.verification_loss import reconstruction_loss, self_reinforcing_loss, verified_loss
from tests import shared_data
from tests.oracles import cleannet as oracle

GRID = shared_data.GOLDEN / "losses_grid.npz"


@pytest.fixture(scope="module")
def grid() -> dict[str, torch.Tensor]:
    if not GRID.exists():
        pytest.skip(f"needs {GRID}, the reference values")
    with np.load(GRID) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.mark.parametrize("weight", [5, 1])
def test_every_row_of_the_reference_grid(grid: dict[str, torch.Tensor], weight: int) -> None:
    s = grid["cos_sim"].clone().requires_grad_()
    close: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-7}
    verified = verified_loss(s, grid["vlabel"], negative_weight=float(weight))
    torch.testing.assert_close(verified, grid[f"cos_sim_loss_nw{weight}"], **close)
    guessed = self_reinforcing_loss(s, negative_weight=float(weight))
    torch.testing.assert_close(guessed, grid[f"unsup_cos_sim_loss_nw{weight}"], **close)
    rebuilt = reconstruction_loss(grid["v_q"], grid["v_qr"])
    torch.testing.assert_close(rebuilt, grid["reconst_loss"], **close)
    labels = torch.where(grid["vflag"] == 1, grid["vlabel"], -1.0)
    total = cleannet_loss(s, labels, grid["v_q"], grid["v_qr"], negative_weight=float(weight))
    torch.testing.assert_close(total, grid[f"total_loss_nw{weight}"], **close)
    total.sum().backward()
    torch.testing.assert_close(s.grad, grid[f"dtotal_dcos_nw{weight}"], **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_a_loop_over_samples(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    s = torch.rand(30, generator=generator, dtype=dtype) * 2 - 1
    labels = torch.arange(30) % 3 - 1
    query, rebuilt = torch.randn(2, 30, 4, generator=generator, dtype=dtype)
    options = {"negative_weight": 2.5, "margin": 0.3, "reconstruction_weight": 0.7, "unsupervised_weight": 0.2}
    expected = [
        oracle.loss(float(s[i]), int(labels[i]), query[i].numpy(), rebuilt[i].numpy(), **options) for i in range(30)
    ]
    found = cleannet_loss(s, labels, query, rebuilt, **options)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=dtype))


def test_the_gradient_exactly_at_the_margin_is_zero() -> None:
    s = torch.tensor([0.1, 0.1, 0.1], requires_grad=True)
    zeros = torch.zeros(3, 2)
    cleannet_loss(s, torch.tensor([0, 1, -1]), zeros, zeros).sum().backward()
    torch.testing.assert_close(s.grad, torch.tensor([0.0, -1.0, -0.1]))


@pytest.mark.parametrize("labels", [torch.tensor([1, 0, -1]), torch.tensor([1.0, 0.0, -1.0])])
def test_labels_may_be_whole_numbers_or_floats(labels: torch.Tensor) -> None:
    zeros = torch.zeros(3, 2)
    loss = cleannet_loss(torch.tensor([0.9, 0.3, 0.5]), labels, zeros, zeros)
    torch.testing.assert_close(loss, torch.tensor([0.1, 1.0, 0.05]))


def test_no_samples() -> None:
    assert cleannet_loss(torch.empty(0), torch.empty(0), torch.empty(0, 3), torch.empty(0, 3)).shape == (0,)


def test_nan_stays_in_its_row() -> None:
    zeros = torch.zeros(2, 2)
    loss = cleannet_loss(torch.tensor([torch.nan, 0.5]), torch.tensor([1, 1]), zeros, zeros)
    assert loss.isnan().tolist() == [True, False]


def test_wrong_arguments_are_named() -> None:
    loss = inspect.unwrap(cleannet_loss)  # else the type checker of the test run speaks first
    s, labels, query = torch.zeros(3), torch.zeros(3), torch.zeros(3, 2)
    with pytest.raises(ShapeError, match=r"`similarity` must have shape \(B,\), got \(3, 1\)"):
        loss(s[:, None], labels, query, query)
    with pytest.raises(ShapeError, match=r"`verification_labels` must have shape \(3,\)"):
        loss(s, labels[:2], query, query)
    with pytest.raises(ShapeError, match=r"`query` must have shape \(3, D\), got \(2, 2\)"):
        loss(s, labels, query[:2], query)
    with pytest.raises(ShapeError, match=r"`reconstruction` must have shape \(3, 2\).*got \(3, 1\)"):
        loss(s, labels, query, query[:, :1])
    with pytest.raises(InvalidInputError, match=r"must be 1, 0 or -1 .* got 2"):
        loss(s, labels + 2, query, query)
