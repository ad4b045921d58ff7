import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noisette.errors import InvalidInputError, ShapeError
from noisette.training import mean_one, weighted_mean


def test_the_weighted_loss_divides_by_the_batch_and_not_by_the_weights() -> None:
    loss, weight = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 0.5, 2.0])
    assert float(weighted_mean(loss, weight)) == pytest.approx((0.5 * 2 + 2 * 3) / 3)


def test_equal_weights_of_one_give_the_plain_mean() -> None:
    loss = torch.rand(7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(weighted_mean(loss, torch.ones(7)), loss.mean())


@pytest.mark.parametrize("size", [0, 5])
def test_a_batch_of_zero_weights_gives_zero_with_zero_gradients(size: int) -> None:
    loss = torch.rand(size).requires_grad_()
    found = weighted_mean(loss, torch.zeros(size))
    found.backward()
    assert float(found.detach()) == 0
    assert loss.grad is not None
    assert not loss.grad.any()


def test_weights_of_float64_leave_the_loss_in_its_own_type() -> None:
    assert weighted_mean(torch.ones(2), torch.ones(2, dtype=torch.float64)).dtype == torch.float32


def test_a_loss_that_was_averaged_already_is_an_error() -> None:
    with pytest.raises(ShapeError, match="reduction='none'"):
        weighted_mean(torch.tensor(1.0), torch.ones(3))


@given(arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1e6)))
def test_scaled_weights_have_mean_one_and_the_same_ratios(weights: np.ndarray) -> None:
    if weights.sum() == 0:
        with pytest.raises(InvalidInputError, match="all 0"):
            mean_one(weights)
        return
    found = mean_one(weights)
    assert found.mean() == pytest.approx(1)
    np.testing.assert_allclose(found / found.max(), weights / weights.max(), rtol=1e-9)


def test_weights_near_the_smallest_number_are_scaled_too() -> None:
    assert mean_one([5e-324, 0.0]).tolist() == [2.0, 0.0]


def test_no_weights_stay_no_weights() -> None:
    assert mean_one([]).size == 0


@pytest.mark.parametrize("bad", [[1.0, -0.1], [float("nan"), 1.0], [float("inf")]])
def test_weights_that_are_no_weights_are_named_with_their_position(bad: list[float]) -> None:
    with pytest.raises(InvalidInputError, match=r"at position [01]"):
        mean_one(bad)
    with pytest.raises(ShapeError, match="must have shape"):
        mean_one([[1.0]])
