from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import ShapeError
from noisette.neighbors import DuplicateLinks, build_index, find_duplicates, search_table
from noisette.types import ArrayTable


def groups_of(features: np.ndarray, *, threshold: float = 0.99, keys: tuple[np.ndarray, ...] = ()) -> list[int]:
    table = ArrayTable(features.astype(np.float32))
    index = build_index(table, center=False)
    groups: list[int] = find_duplicates(index, table, threshold=threshold, extra_keys=keys).tolist()
    return groups


def on_a_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_near_and_equal_rows_are_grouped_and_others_carry_minus_one() -> None:
    assert groups_of(on_a_circle(0, 90, 1, 180, 90, 270)) == [0, 1, 0, -1, 1, -1]


def test_the_threshold_is_a_cosine() -> None:
    rows = on_a_circle(0, 10)
    assert groups_of(rows, threshold=np.cos(np.deg2rad(9.9))) == [-1, -1]
    assert groups_of(rows, threshold=np.cos(np.deg2rad(10.1))) == [0, 0]


def test_a_chain_of_look_alikes_does_not_make_one_group() -> None:
    chain = on_a_circle(*range(0, 40, 4))  # cos 8 degrees = .990: each is near to its two followers alone
    assert groups_of(chain) == [0, 0, 0, 3, 3, 3, 6, 6, 6, -1]


def test_equal_bytes_stay_together_where_a_chain_is_cut() -> None:
    assert groups_of(on_a_circle(0, 7, 14, 14)) == [0, 0, 2, 2]


def test_equal_bytes_are_a_group_even_at_the_mean() -> None:
    rows = np.concatenate([on_a_circle(0, 90), np.zeros((3, 2))])
    assert groups_of(rows) == [-1, -1, 2, 2, 2]


def test_rows_with_one_file_hash_are_a_group_and_no_hash_links_nothing() -> None:
    rows = on_a_circle(0, 90, 180, 270)
    assert groups_of(rows, keys=(np.array([0, 7, 0, 7]),)) == [-1, 1, -1, 1]
    assert groups_of(rows, keys=(np.array(["a", "", "", "a"]), np.array([3, 3, 0, 0]))) == [0, 0, -1, 0]


def test_features_that_cannot_tell_rows_apart_make_no_group() -> None:
    rng = np.random.default_rng(0)
    rows = np.array([1.0, 0, 0]) + rng.normal(size=(300, 3)) / 1000
    rows[7] = rows[5]
    groups = groups_of(rows)
    assert groups[5] == groups[7] == 5
    assert sum(group >= 0 for group in groups) == 2
    far = np.concatenate([rows[20:40], rng.normal(size=(300, 3)) * 1e-3 + np.eye(3)[[1]] * rng.normal(size=(300, 1))])
    assert groups_of(far)[:20] == [0] * 20


def test_a_large_group_of_equal_bytes_stays() -> None:
    assert groups_of(np.ones((300, 2))) == [0] * 300


def test_more_copies_than_links_are_one_group() -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(40, 16)), np.ones((60, 16)) + rng.normal(size=(60, 16)) / 100])
    groups = groups_of(rows)
    assert groups[40:] == [40] * 60
    assert set(groups[:40]) == {-1}


def test_links_come_block_by_block_from_a_larger_search() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 8)).astype(np.float32)
    features[150:] = features[:50] * 1.01
    table = ArrayTable(features)
    index = build_index(table)
    links = DuplicateLinks(index)
    for rows, found in search_table(index, table, 20):
        links.add(rows, found)
    groups = links.groups(table)
    np.testing.assert_array_equal(groups, find_duplicates(index, table))
    np.testing.assert_array_equal(groups, [*range(50), *[-1] * 100, *range(50)])


def test_a_bank_that_was_cut_still_links_what_it_holds() -> None:
    features = np.repeat(on_a_circle(*range(0, 360, 20)), 2, axis=0)
    features[1::2] *= 1.5
    table = ArrayTable(features.astype(np.float32))
    index = build_index(table, center=False, max_numbers=2 * 18)
    groups = find_duplicates(index, table)
    assert {tuple(np.flatnonzero(groups == g)) for g in set(groups.tolist()) - {-1}} <= {
        (i, i + 1) for i in range(0, 36, 2)
    }
    assert (groups >= 0).any()


def test_keys_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"`extra_keys` must have shape \(2,\), one key a row, got \(3,\)"):
        groups_of(on_a_circle(0, 1), keys=(np.zeros(3),))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=30), st.sampled_from([0.7, 0.99])
)
def test_groups_are_a_partition_by_their_smallest_row_and_hold_equal_rows_together(
    rows: list[tuple[int, int]], threshold: float
) -> None:
    features = np.array(rows, dtype=float)
    groups = np.array(groups_of(features, threshold=threshold))
    for row, group in enumerate(groups):
        copies = np.flatnonzero((features == features[row]).all(axis=1))
        assert (groups[copies] == group).all()
        assert (group >= 0) or copies.size == 1
        if group >= 0:
            members = np.flatnonzero(groups == group)
            assert members.size > 1
            assert members[0] == group
