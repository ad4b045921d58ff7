from __future__ import annotations

import numpy as np
import pytest

from noisette.neighbors import build_index, search_table, table_search
from noisette.types import ArrayTable
from noisette.types.row_hashes import row_hashes
from tests.neighbors.clusters import clustered_rows


@pytest.mark.parametrize("exclude_copies", [True, False])
def test_every_row_comes_once_with_the_neighbours_of_a_plain_search(
    exclude_copies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_search, "block_rows", lambda *_: 64)
    features = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    features[150:] = features[:50]
    table = ArrayTable(features)
    index = build_index(table)
    calls: list[tuple[str, int, int]] = []
    parts = list(
        search_table(index, table, 4, exclude_copies=exclude_copies, progress=lambda *call: calls.append(call))
    )
    rows = np.concatenate([rows for rows, _ in parts])
    np.testing.assert_array_equal(np.sort(rows), np.arange(200))
    expected = index.search(features, 4, exclude=row_hashes(features) if exclude_copies else None)
    np.testing.assert_array_equal(np.concatenate([found.rows for _, found in parts]), expected.rows[rows])
    assert len(parts) == 4
    assert calls[-1] == ("neighbors", 200, 200)


def test_parts_of_a_search_by_cells_are_put_together_and_every_row_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_search, "block_rows", lambda *_: 3000)
    monkeypatch.setattr(table_search, "PART_ROWS", 1000)
    features = clustered_rows(8000, 40)
    table = ArrayTable(features)
    index = build_index(table, exact_rows=100)
    assert index.cells is not None
    parts = list(search_table(index, table, 4))
    assert [len(rows) for rows, _ in parts][:2] >= [1000, 1000]
    rows = np.concatenate([rows for rows, _ in parts])
    np.testing.assert_array_equal(np.sort(rows), np.arange(8000))
    expected = index.search(features, 4, exclude=row_hashes(features))
    found = np.concatenate([found.similarities for _, found in parts])
    np.testing.assert_allclose(found, expected.similarities[rows], atol=1e-6)
