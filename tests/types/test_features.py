from __future__ import annotations

import numpy as np
import pytest
import torch

from noisette.errors import ShapeError
from noisette.types import ArrayTable, FeatureTable, as_generator, as_numpy, as_table


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_batches_are_float32_in_row_order(dtype: type) -> None:
    values: np.ndarray = np.arange(21).reshape(7, 3).astype(dtype)
    blocks = list(as_table(values).iter_batches(3))
    assert [block.shape[0] for block in blocks] == [3, 3, 1]
    assert all(block.dtype == np.float32 for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), values)


def test_take_gives_rows_in_the_order_asked() -> None:
    table = as_table(np.arange(10.0).reshape(5, 2))
    np.testing.assert_array_equal(table.take(np.array([3, 0, 3])), [[6, 7], [0, 1], [6, 7]])


def test_a_table_stays_itself() -> None:
    table = ArrayTable(np.zeros((2, 2)), ("a", "b"))
    assert as_table(table) is table
    assert isinstance(table, FeatureTable)


def test_torch_tensors_that_need_gradients() -> None:
    values = torch.ones(2, 3, requires_grad=True)
    assert as_table(values).num_features == 3
    assert as_numpy(values).sum() == 6


def test_an_empty_table_has_no_batches() -> None:
    assert list(as_table(np.zeros((0, 4))).iter_batches(2)) == []


def test_one_dimension_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"`features` must have shape \(N, D\), got \(3,\)"):
        as_table(np.zeros(3))


def test_text_is_refused() -> None:
    with pytest.raises(ShapeError, match="`features` must hold numbers, got dtype"):
        as_table(np.array([["a", "b"]]))


def test_generators() -> None:
    rng = np.random.default_rng(1)
    assert as_generator(rng) is rng
    assert as_generator(7).integers(100) == np.random.default_rng(7).integers(100)


def test_tensors_of_bfloat16_come_as_float32() -> None:
    values = as_numpy(torch.tensor([1.5, -2.0], dtype=torch.bfloat16, requires_grad=True))
    assert values.dtype == np.float32
    assert values.tolist() == [1.5, -2.0]
