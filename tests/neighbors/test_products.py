from __future__ import annotations

import numpy as np
import pytest

from noisette.neighbors import products
from noisette.neighbors.bank import Bank
from noisette.types.row_hashes import row_hashes


def make_bank(size: int = 300, dtype: type = np.float32) -> Bank:
    values = np.random.default_rng(size).normal(size=(size, 12)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    values[50:60] = values[10]
    return Bank(values.astype(dtype), np.arange(size), row_hashes(values))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("exclude", [False, True])
def test_tiles_and_blocks_of_any_size_give_the_same(
    dtype: type, exclude: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = make_bank(dtype=dtype)
    queries = make_bank().values[:70].astype(np.float32)
    hashes = row_hashes(queries) if exclude else None
    stretches = [(0, 40), (40, 200), (230, 231), (250, 300)]
    whole = products.nearest_rows(bank, stretches, queries, 20, hashes)
    monkeypatch.setattr(products, "TILE_ROWS", 64)
    monkeypatch.setattr(products, "SCORES", 64 * 7)
    parts = products.nearest_rows(bank, stretches, queries, 20, hashes)
    np.testing.assert_array_equal(parts.rows, whole.rows)
    np.testing.assert_allclose(parts.similarities, whole.similarities, atol=1e-6)


def test_only_the_stretches_are_searched() -> None:
    bank = make_bank()
    queries = bank.values[:30].astype(np.float32)
    found = products.nearest_rows(bank, [(5, 9), (100, 104)], queries, 10, None)
    assert set(found.rows.ravel().tolist()) == {-1, *range(5, 9), *range(100, 104)}
    assert np.isneginf(found.similarities[:, 8:]).all()


def test_tiles_cover_every_stretch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "TILE_ROWS", 64)
    stretches = [(0, 10), (20, 180), (180, 181), (300, 364)]
    tiles = list(products._tiles(stretches, 4))
    rows = [row for tile in tiles for start, stop in tile for row in range(start, stop)]
    assert rows == [row for start, stop in stretches for row in range(start, stop)]
    assert max(sum(stop - start for start, stop in tile) for tile in tiles) == 64
