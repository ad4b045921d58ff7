from __future__ import annotations

import numpy as np
import pytest

from noisette.neighbors import NeighborIndex, build_index
from noisette.neighbors.bank import build_bank
from noisette.neighbors.directions import leading_directions
from noisette.neighbors.recall import RECALL_AT, TARGET_RECALL, true_neighbors
from noisette.neighbors.unit_rows import unit_rows
from noisette.types import ArrayTable, Float32Array, silent
from noisette.types.row_hashes import row_hashes


def decaying_rows(size: int, num_features: int, seed: int = 0) -> Float32Array:
    """Rows whose variance falls off from direction to direction, turned at random, and away from the origin."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, num_features)) / np.arange(1, num_features + 1)
    turn = np.linalg.qr(rng.normal(size=(num_features, num_features)))[0]
    return np.asarray(rows @ turn + 0.01, dtype=np.float32)


def brute_force(features: Float32Array, chosen: np.ndarray, k: int) -> list[set[int]]:
    unit = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    similarities = unit[chosen] @ unit.T
    similarities[(features[chosen, None] == features[None]).all(axis=2)] = -np.inf
    return [set(row.tolist()) for row in np.argsort(-similarities, axis=1)[:, :k]]


def test_few_directions_are_kept_where_they_find_nearly_all_neighbours() -> None:
    features = decaying_rows(2000, 256)
    index = build_index(ArrayTable(features), center=False, full_rows=1999)
    assert index.directions is not None
    assert index.directions.shape == (256, 64)
    np.testing.assert_allclose(index.directions.T @ index.directions, np.eye(64), atol=1e-4)
    assert index.bank.values.shape == (2000, 64)
    assert TARGET_RECALL <= index.recall < 1
    chosen = np.arange(0, 2000, 40)
    found = index.search(features[chosen], 50, exclude=row_hashes(features[chosen]))
    common = [
        len(truth & set(row.tolist())) for truth, row in zip(brute_force(features, chosen, 50), found.rows, strict=True)
    ]
    assert abs(np.mean(common) / 50 - index.recall) < 0.03


def test_a_bank_of_few_rows_or_of_rows_that_need_all_columns_keeps_them() -> None:
    features = decaying_rows(500, 128)
    assert build_index(ArrayTable(features), full_rows=500).directions is None
    assert build_index(ArrayTable(features)).directions is None
    round_rows = np.random.default_rng(0).normal(size=(500, 128)).astype(np.float32)
    index = build_index(ArrayTable(round_rows), full_rows=100)
    assert index.directions is None
    assert index.recall == 1.0
    assert build_index(ArrayTable(features[:, :127].copy()), full_rows=100).directions is None


def test_rows_that_are_all_alike_keep_one_step_of_directions() -> None:
    same = np.ones((300, 130), dtype=np.float32)
    index = build_index(ArrayTable(same), center=False, full_rows=10)
    assert index.directions is not None
    assert index.recall == 1.0  # nobody has a neighbour that is not a copy
    assert (index.search(same[:2], 3).rows >= 0).all()


@pytest.mark.parametrize("exact_rows", [1000, 6000])
def test_a_bank_that_cells_serve_keeps_all_columns_and_both_survive_saving(exact_rows: int) -> None:
    features = np.repeat(decaying_rows(60, 192), 100, axis=0) + 0.05 * decaying_rows(6000, 192, seed=1)
    index = build_index(ArrayTable(features), full_rows=100, exact_rows=exact_rows)
    assert (index.cells is not None) == (exact_rows < 6000)
    assert (index.directions is None) == (exact_rows < 6000)
    assert index.recall > 0.93
    again = NeighborIndex.from_arrays(index.to_arrays())
    found, expected = again.search(features[:50], 7), index.search(features[:50], 7)
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.similarities, expected.similarities)


def test_true_neighbours_are_those_of_the_slow_loop() -> None:
    features = decaying_rows(300, 8)
    features[5] = features[9]
    chosen = np.array([5, 40, 299])
    zero = np.zeros(8, dtype=np.float32)
    bank = build_bank(ArrayTable(features), np.arange(300), zero, None, silent)
    found = true_neighbors(
        unit_rows(features[chosen], zero), row_hashes(features[chosen]), ArrayTable(features), bank, zero
    )
    assert [set(row.tolist()) for row in found] == brute_force(features, chosen, RECALL_AT)


def test_one_row_has_directions_but_no_neighbours() -> None:
    one = decaying_rows(1, 256)
    directions = leading_directions(ArrayTable(one), np.zeros(256, dtype=np.float32), np.random.default_rng(0))
    assert directions is not None
    assert directions.shape == (256, 64)
