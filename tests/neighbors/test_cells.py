from __future__ import annotations

import numpy as np
import pytest

from noisette.neighbors import cells as cells_module
from noisette.neighbors.bank import Bank
from noisette.neighbors.cells import Cells, make_cells, spherical_kmeans
from tests.neighbors.clusters import clustered_rows


def make_bank(size: int = 2000) -> Bank:
    values = clustered_rows(size, 20)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return Bank(values, np.arange(size), np.arange(size).astype(np.uint64))


def test_a_bank_is_sorted_by_cell_and_loses_no_row() -> None:
    before = make_bank()
    bank, cells = make_cells(before, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(bank.rows), before.rows)
    np.testing.assert_array_equal(bank.values, before.values[bank.rows])
    np.testing.assert_array_equal(bank.hashes, before.hashes[bank.rows])
    own = np.repeat(np.arange(len(cells.centres)), np.diff(cells.starts))
    np.testing.assert_array_equal(cells.cells_of(bank.values), own)
    np.testing.assert_array_equal(cells.cell_of_position(np.arange(bank.size)), own)
    for cell in range(len(cells.centres)):  # rows of a cell keep the order of the table
        assert (np.diff(bank.rows[own == cell]) > 0).all()


def test_a_query_looks_at_the_cells_nearest_to_its_own() -> None:
    centres = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], dtype=np.float32)
    probes = np.argsort(-(centres @ centres.T), axis=1, kind="stable")
    cells = Cells(centres, np.array([0, 10, 10, 30, 35]), probes, np.array([1, 2, 3, 4]))
    assert [cells.stretches(cell) for cell in range(4)] == [[(0, 10)], [(0, 10)], [(0, 30)], [(0, 35)]]
    assert cells.ranks(np.array([0, 0, 3]), np.array([1, 3, 0])).tolist() == [1, 3, 3]


def test_probes_hold_enough_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "MIN_CANDIDATES", 12)
    centres = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    probes = np.argsort(-(centres @ centres.T), axis=1, kind="stable")
    cells = Cells(centres, np.array([0, 10, 15, 40]), probes, np.ones(3, dtype=np.int64)).with_probes(1)
    assert cells.num_probes.tolist() == [2, 2, 1]
    assert cells.share_searched() == pytest.approx((10 * 15 + 5 * 15 + 25 * 25) / 40**2)
    monkeypatch.setattr(cells_module, "MIN_CANDIDATES", 1000)
    assert cells.with_probes(2).num_probes.tolist() == [3, 3, 3]


def test_centres_are_unit_means_of_their_rows() -> None:
    rows = clustered_rows(600, 5)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    centres = spherical_kmeans(rows, 5, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-6)
    first = rows[np.random.default_rng(0).choice(600, 5, replace=False)]
    assert (rows @ centres.T).max(axis=1).mean() > (rows @ first.T).max(axis=1).mean() + 0.05
    np.testing.assert_array_equal(centres, spherical_kmeans(rows, 5, np.random.default_rng(0)))


def test_equal_rows_make_one_full_cell() -> None:
    values = np.tile(np.array([1, 0], dtype=np.float32), (500, 1))
    bank, cells = make_cells(Bank(values, np.arange(500), np.zeros(500, np.uint64)), np.random.default_rng(0))
    assert cells.starts[-1] == bank.size == 500
    assert np.diff(cells.starts).max() == 500
