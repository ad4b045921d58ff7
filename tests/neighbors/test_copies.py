from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import ShapeError
from noisette.neighbors import NeighborIndex, build_index
from noisette.neighbors.copies import Copies
from noisette.types import ArrayTable
from noisette.types.row_hashes import row_hashes

FEATURES = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
FEATURES[30:33] = FEATURES[:1] + 0.01 * FEATURES[30:33]  # near copies of row 0
GROUPS = np.where(np.isin(np.arange(60), [0, 30, 31, 32]), 7, -1)
GROUPS[[4, 5]] = 2


def test_the_first_of_a_group_stands_for_all_and_others_for_themselves() -> None:
    hashes = np.array([9, 3, 5, 8, 3], dtype=np.uint64)
    copies = Copies.of(hashes, np.array([1, 1, -1, -1, 1]))
    asked = np.array([3, 9, 5, 8, 1], dtype=np.uint64)
    assert copies.lead(asked).tolist() == [9, 9, 5, 8, 1]
    assert Copies.of(hashes, np.full(5, -1)).lead(asked).tolist() == asked.tolist()


@pytest.mark.parametrize("exact_rows", [100, 10])
def test_near_copies_are_no_neighbours_of_each_other(exact_rows: int) -> None:
    table, hashes = ArrayTable(FEATURES), row_hashes(FEATURES)
    index = build_index(table, exact_rows=exact_rows, duplicate_groups=GROUPS)
    plain = build_index(table, exact_rows=exact_rows)
    assert set(plain.rows[plain.search(FEATURES[:1], 3, exclude=hashes[:1]).rows[0]]) == {30, 31, 32}
    for saved in (index, NeighborIndex.from_arrays(index.to_arrays())):
        found = saved.search(FEATURES, 55, exclude=hashes).rows
        for row in range(60):
            same = {row} if GROUPS[row] < 0 else set(np.flatnonzero(GROUPS == GROUPS[row]).tolist())
            neighbors = set(saved.rows[found[row][found[row] >= 0]].tolist())
            assert not neighbors & same
            assert len(neighbors) == min(55, 60 - len(same))


def test_groups_of_another_table_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"`duplicate_groups` must have shape \(60,\)"):
        build_index(ArrayTable(FEATURES), duplicate_groups=GROUPS[:9])
