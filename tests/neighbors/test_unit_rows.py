from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import InvalidInputError
from noisette.neighbors.unit_rows import block_rows, table_mean, unit_rows
from noisette.types import ArrayTable


def test_rows_have_length_one_around_the_mean() -> None:
    features = np.array([[3.0, 4.0], [1.0, 1.0], [1.0, 3.0]], dtype=np.float32)
    rows = unit_rows(features, np.array([1.0, 1.0], dtype=np.float32))
    expected = np.array([[2 / 13**0.5, 3 / 13**0.5], [0.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert features[0, 0] == 3.0


def test_the_mean_is_that_of_all_blocks() -> None:
    features = np.random.default_rng(0).normal(100, 1, size=(1000, 3)).astype(np.float16)
    np.testing.assert_allclose(table_mean(ArrayTable(features)), features.astype(float).mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_named(value: float) -> None:
    features = np.ones((100, 2), dtype=np.float32)
    features[70, 1] = value
    with pytest.raises(InvalidInputError, match="row 70 does not"):
        table_mean(ArrayTable(features))
    with pytest.raises(InvalidInputError, match="row 1070 does not"):
        unit_rows(features, np.zeros(2, dtype=np.float32), 1000)


def test_a_number_too_large_to_be_squared_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="below 1e18"):
        unit_rows(np.full((1, 2), 1e30, dtype=np.float32), np.zeros(2, dtype=np.float32))


def test_blocks_stay_near_their_size() -> None:
    assert block_rows(256) == 32768
    assert block_rows(0) == 1 << 23
    assert block_rows(1 << 30) == 64
