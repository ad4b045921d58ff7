from __future__ import annotations

import numpy as np
import pytest

from noisette.neighbors.selection import best_columns, merge_best


def slow_best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    columns, best = np.full((len(scores), k), -1), np.full((len(scores), k), -np.inf, dtype=np.float32)
    for i, row in enumerate(scores):
        order = [j for j in sorted(range(row.size), key=lambda j: (-row[j], j)) if row[j] > -np.inf][:k]
        columns[i, : len(order)], best[i, : len(order)] = order, row[order]
    return columns, best


@pytest.mark.parametrize("width", [1, 4, 5, 6, 100, 777])
@pytest.mark.parametrize("levels", [1, 2, 7, 100_000])
def test_the_k_largest_come_first_and_equal_ones_by_column(width: int, levels: int) -> None:
    rng = np.random.default_rng(width + levels)
    scores = (rng.integers(levels, size=(9, width)) / levels).astype(np.float32)
    scores[rng.random(scores.shape) < 0.2] = -np.inf
    scores[0] = -np.inf
    for found, expected in zip(best_columns(scores, 5), slow_best(scores, 5), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_scores_below_the_floor_may_stay_out_and_others_may_not() -> None:
    scores = np.arange(40, dtype=np.float32).reshape(2, 20)
    columns, best = best_columns(scores, 4, np.array([18, -1], dtype=np.float32))
    assert columns[0].tolist() == [19, 18, -1, -1]
    assert best[1].tolist() == [39, 38, 37, 36]


def test_the_block_may_be_a_view() -> None:
    scores = np.random.default_rng(0).random((6, 90), dtype=np.float32)
    np.testing.assert_array_equal(best_columns(scores[:, 5:75], 3)[0], slow_best(scores[:, 5:75], 3)[0])


def test_no_rows_give_no_rows() -> None:
    columns, best = best_columns(np.empty((0, 8), dtype=np.float32), 3)
    assert columns.shape == best.shape == (0, 3)


def test_of_equal_scores_those_of_the_first_result_stay_first() -> None:
    first = np.array([[7, 3, -1]]), np.array([[0.9, 0.5, -np.inf]], dtype=np.float32)
    second = np.array([[20, 21, 22]]), np.array([[0.9, 0.7, 0.5]], dtype=np.float32)
    rows, scores = merge_best(first, second)
    assert rows.tolist() == [[7, 20, 21]]
    np.testing.assert_array_equal(scores, np.array([[0.9, 0.9, 0.7]], dtype=np.float32))
