from __future__ import annotations

import numpy as np

from noisette.neighbors import build_index
from noisette.neighbors.recall import TARGET_RECALL
from noisette.types import ArrayTable
from noisette.types.row_hashes import row_hashes
from tests.neighbors.clusters import clustered_rows


def test_a_search_by_cells_finds_nearly_all_true_neighbours_in_a_part_of_the_bank() -> None:
    features = clustered_rows(12_000, 60)
    table = ArrayTable(features)
    index, exact = build_index(table, exact_rows=1000), build_index(table)
    assert index.cells is not None
    assert exact.cells is None
    assert index.cells.share_searched() < 0.3
    assert TARGET_RECALL <= index.recall <= 1
    queries, hashes = features[::7], row_hashes(features[::7])
    found = index.search(queries, 50, exclude=hashes)
    truth = exact.search(queries, 50, exclude=hashes)
    common = [np.intersect1d(index.rows[a], b).size for a, b in zip(found.rows, truth.rows, strict=True)]
    recall = np.mean(common) / 50
    assert recall > 0.93
    assert abs(recall - index.recall) < 0.03


def test_rows_without_any_structure_are_searched_whole() -> None:
    features = np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32)
    index = build_index(ArrayTable(features), exact_rows=100)
    assert index.cells is None
    assert index.recall == 1.0


def test_a_bank_that_cells_do_not_serve_keeps_fewer_rows_evenly_from_the_classes() -> None:
    rng = np.random.default_rng(0)
    table, labels = ArrayTable(rng.normal(size=(3000, 64)).astype(np.float32)), (rng.random(3000) < 0.1).astype(int)
    index = build_index(table, labels=labels, exact_rows=100, whole_rows=400)
    assert (index.size, index.cells, index.recall) == (400, None, 1.0)
    assert np.bincount(labels[index.rows]).tolist() == [200, 200]
    assert (np.diff(index.rows) > 0).all()
    np.testing.assert_array_equal(index.bank.hashes, row_hashes(table.take(index.rows)))
    few = build_index(table, exact_rows=10_000, whole_rows=3)
    assert few.search(table.take(np.arange(5)), 10).rows.max(axis=1).min() >= 0
    assert few.size == 3


def test_a_bank_that_cells_serve_keeps_all_rows() -> None:
    index = build_index(ArrayTable(clustered_rows(12_000, 60)), exact_rows=1000, whole_rows=400)
    assert index.size == 12_000
    assert index.cells is not None


def test_a_bank_of_copies_is_searched_whole() -> None:
    index = build_index(ArrayTable(np.ones((300, 4), dtype=np.float32)), center=False, exact_rows=10)
    assert index.cells is None
    assert (index.search(np.ones((2, 4), dtype=np.float32), 3).rows >= 0).all()
