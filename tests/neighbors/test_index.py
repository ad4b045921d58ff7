from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import InvalidInputError, ShapeError
from noisette.neighbors import NeighborIndex, build_index
from noisette.types import ArrayTable
from noisette.types.row_hashes import row_hashes
from tests.neighbors.clusters import clustered_rows
from tests.neighbors.oracle import check_neighbors


def some_rows(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 1, size=(size, 10)).astype(np.float32)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("k", [1, 7, 400])
def test_the_exact_search_is_that_of_the_slow_loop(center: bool, exclude: bool, k: int) -> None:
    features = some_rows(250)
    features[100:110] = features[:10]
    index = build_index(ArrayTable(features), center=center)
    found = index.search(features[:60], k, exclude=row_hashes(features[:60]) if exclude else None)
    check_neighbors(found, features, features[:60], center=center, exclude_copies=exclude)
    assert index.recall == 1.0


def test_strangers_are_compared_with_the_bank() -> None:
    features, strangers = some_rows(90), some_rows(30, seed=1)
    index = build_index(ArrayTable(features))
    found = index.search(strangers, 5, exclude=row_hashes(strangers))
    check_neighbors(found, features, strangers)


def test_one_row_has_no_neighbour_but_itself() -> None:
    features = some_rows(1)
    index = build_index(ArrayTable(features), center=False)
    assert index.search(features, 2).rows.tolist() == [[0, -1]]
    alone = index.search(features, 2, exclude=row_hashes(features))
    assert alone.rows.tolist() == [[-1, -1]]
    assert np.isneginf(alone.similarities).all()


def test_equal_rows_are_given_in_the_order_of_the_bank() -> None:
    features = np.repeat(some_rows(1), 3000, axis=0)
    found = build_index(ArrayTable(features), center=False).search(features[:4], 6)
    np.testing.assert_array_equal(found.rows, np.tile(np.arange(6), (4, 1)))
    everything_excluded = build_index(ArrayTable(features)).search(features[:4], 6, exclude=row_hashes(features[:4]))
    assert (everything_excluded.rows == -1).all()


def test_a_row_at_the_mean_is_as_near_to_all() -> None:
    features = np.concatenate([some_rows(20), np.zeros((2, 10), dtype=np.float32)])
    found = build_index(ArrayTable(features), center=False).search(features[-1:], 3)
    assert found.similarities.tolist() == [[0.0, 0.0, 0.0]]
    assert found.rows.tolist() == [[0, 1, 2]]


def test_a_query_does_not_depend_on_its_batch() -> None:
    features = some_rows(400)
    index = build_index(ArrayTable(features))
    whole = index.search(features, 9, exclude=row_hashes(features))
    for part in (slice(17, 18), slice(100, 333)):
        found = index.search(features[part], 9, exclude=row_hashes(features[part]))
        np.testing.assert_array_equal(found.rows, whole.rows[part])
        np.testing.assert_allclose(found.similarities, whole.similarities[part], atol=1e-6)


def test_a_bank_that_was_cut_knows_its_rows_in_the_table() -> None:
    features = some_rows(300)
    labels = np.repeat([0, 1], [290, 10])
    index = build_index(ArrayTable(features), max_numbers=400, labels=labels)
    assert index.size == 40
    assert (index.rows >= 290).sum() == 10
    found = index.search(features[index.rows], 1)
    np.testing.assert_array_equal(index.rows[found.rows[:, 0]], index.rows)


def test_no_queries_give_no_neighbours() -> None:
    found = build_index(ArrayTable(some_rows(5))).search(np.empty((0, 10), dtype=np.float32), 3)
    assert found.rows.shape == (0, 3)
    assert len(found) == 0


def test_what_does_not_fit_is_refused() -> None:
    index = build_index(ArrayTable(some_rows(5)))
    with pytest.raises(ShapeError, match=r"shape \(B, 10\), got \(2, 3\)"):
        index.search(np.zeros((2, 3), dtype=np.float32), 1)
    with pytest.raises(InvalidInputError, match="`k` must be at least 1, got 0"):
        index.search(some_rows(2), 0)
    with pytest.raises(ShapeError, match=r"`exclude` must have shape \(2,\), one hash a row of `features`, got \(1,\)"):
        index.search(some_rows(2), 1, exclude=row_hashes(some_rows(1)))
    with pytest.raises(InvalidInputError, match="must have rows and columns, got 0 x 4"):
        build_index(ArrayTable(np.empty((0, 4), dtype=np.float32)))
    with pytest.raises(ShapeError, match=r"`labels` must have shape \(5,\)"):
        build_index(ArrayTable(some_rows(5)), labels=np.zeros(4, dtype=np.int64))


def test_the_bound_of_the_exact_search_is_kept() -> None:
    table = ArrayTable(clustered_rows(8000, 40))
    assert build_index(table, exact_rows=8000).cells is None
    assert build_index(table, exact_rows=7999).cells is not None


def test_a_query_of_a_search_by_cells_does_not_depend_on_its_batch() -> None:
    features = clustered_rows(8000, 40)
    hashes = row_hashes(features)
    index = build_index(ArrayTable(features), exact_rows=100)
    whole = index.search(features, 9, exclude=hashes)
    assert not (index.bank.hashes[whole.rows] == hashes[:, None]).any()
    for part in (slice(17, 18), slice(100, 1333)):
        found = index.search(features[part], 9, exclude=hashes[part])
        np.testing.assert_allclose(found.similarities, whole.similarities[part], atol=1e-6)
        assert (found.rows == whole.rows[part]).mean() > 0.999


def test_no_queries_of_a_search_by_cells_give_no_neighbours() -> None:
    table = ArrayTable(clustered_rows(8000, 24))
    index = build_index(table, exact_rows=4000)
    assert index.cells is not None
    assert index.search(np.empty((0, 24), dtype=np.float32), 3).rows.shape == (0, 3)


@pytest.mark.parametrize("exact_rows", [100, 10_000])
def test_the_same_seed_gives_the_same_bytes_and_arrays_bring_an_index_back(exact_rows: int) -> None:
    features = clustered_rows(8000, 40)
    first, second = (build_index(ArrayTable(features), exact_rows=exact_rows, random_state=3) for _ in range(2))
    for name, array in first.to_arrays().items():
        np.testing.assert_array_equal(array, second.to_arrays()[name])
    again = NeighborIndex.from_arrays(first.to_arrays())
    assert again.recall == first.recall
    expected, found = first.search(features[:99], 5), again.search(features[:99], 5)
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.similarities, expected.similarities)
