from __future__ import annotations

import numpy as np

from noisette.types.row_hashes import row_hashes


def test_hashes_know_a_row_by_its_numbers_alone() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float16)
    hashes = row_hashes(rows)
    assert np.unique(hashes).size == 50
    np.testing.assert_array_equal(row_hashes(rows[::-1].astype(np.float64))[::-1], hashes)
    np.testing.assert_array_equal(row_hashes(np.asfortranarray(rows)), hashes)
    np.testing.assert_array_equal(row_hashes(rows[3:4]), hashes[3:4])


def test_hashes_are_the_same_on_every_system() -> None:
    assert row_hashes(np.array([[1.0, 2.0, 3.0]])).tolist() == [16134583479446476599]


def test_minus_zero_is_zero() -> None:
    assert row_hashes(np.array([[0.0, 1.0]])) == row_hashes(np.array([[-0.0, 1.0]]))


def test_the_order_of_the_columns_counts() -> None:
    assert row_hashes(np.array([[1.0, 2.0]])) != row_hashes(np.array([[2.0, 1.0]]))
