from __future__ import annotations

import numpy as np
import pytest

from noisette.neighbors import bank as bank_module
from noisette.neighbors.bank import Bank, build_bank, choose_rows
from noisette.types import ArrayTable, silent
from noisette.types.row_hashes import row_hashes


def test_few_rows_are_all_chosen() -> None:
    assert choose_rows(5, 5, None, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]


def test_a_draw_is_even_over_classes_as_far_as_they_go() -> None:
    labels = np.repeat([0, 1, 2, 3], [1000, 3, 100, 40])
    rows = choose_rows(labels.size, 103, labels, np.random.default_rng(0))
    assert (np.diff(rows) > 0).all()
    assert np.bincount(labels[rows])[1] == 3
    assert np.ptp(np.bincount(labels[rows])[[0, 2, 3]]) <= 1
    assert rows.size == 103
    np.testing.assert_array_equal(rows, choose_rows(labels.size, 103, labels, np.random.default_rng(0)))


def test_a_draw_without_labels_takes_any_rows() -> None:
    rows = choose_rows(1000, 100, None, np.random.default_rng(0))
    assert rows.size == np.unique(rows).size == 100
    assert rows.max() > 800


@pytest.mark.parametrize("center", [True, False])
def test_a_bank_holds_unit_rows_of_what_was_chosen(center: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).normal(3, 1, size=(500, 6)).astype(np.float32)
    features[7] = 0
    chosen = np.array([0, 7, 63, 64, 65, 499])
    monkeypatch.setattr(bank_module, "block_rows", lambda _size: 64)
    mean = features.mean(axis=0) if center else np.zeros(6, dtype=np.float32)
    bank = build_bank(ArrayTable(features), chosen, mean, None, silent)
    expected = features[chosen].astype(np.float64) - mean
    lengths = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(bank.values, expected / np.where(lengths > 0, lengths, 1), atol=1e-6)
    np.testing.assert_array_equal(bank.hashes, row_hashes(features[chosen]))
    np.testing.assert_array_equal(bank.rows, chosen)


def test_a_large_bank_is_kept_in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank_module, "FLOAT32_NUMBERS", 99)
    table = ArrayTable(np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32))
    bank = build_bank(table, np.arange(20), np.zeros(5, dtype=np.float32), None, silent)
    assert bank.values.dtype == np.float16
    assert bank.block(3, 9).dtype == np.float32


def test_a_bank_in_some_directions_holds_the_coordinates_of_unit_rows() -> None:
    rng = np.random.default_rng(0)
    features, mean = rng.normal(size=(30, 6)).astype(np.float32), rng.normal(size=6).astype(np.float32)
    directions = np.linalg.qr(rng.normal(size=(6, 2)))[0].astype(np.float32)
    bank = build_bank(ArrayTable(features), np.array([2, 9]), mean, directions, silent)
    unit = (features[[2, 9]] - mean) / np.linalg.norm(features[[2, 9]] - mean, axis=1, keepdims=True)
    np.testing.assert_allclose(bank.values, unit @ directions, atol=1e-6)
    np.testing.assert_array_equal(bank.hashes, row_hashes(features[[2, 9]]))


def test_copies_are_found_wherever_they_lie() -> None:
    hashes = np.array([5, 9, 5, 2, 2**64 - 1], dtype=np.uint64)
    bank = Bank(np.zeros((5, 1), dtype=np.float32), np.arange(5), hashes)
    queries, positions = bank.copies_of(np.array([2, 7, 5, 2**64 - 1], dtype=np.uint64))
    assert list(zip(queries.tolist(), positions.tolist(), strict=True)) == [(0, 3), (2, 0), (2, 2), (3, 4)]
