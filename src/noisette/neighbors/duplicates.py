"""Groups of samples that show one picture: the same bytes, or features too near to each other for two pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from noisette.errors import ShapeError
from noisette.neighbors.index import NeighborIndex
from noisette.neighbors.leaders import groups_around_leaders
from noisette.neighbors.records import Neighbors
from noisette.neighbors.table_search import search_table
from noisette.neighbors.unit_rows import block_rows
from noisette.types import FeatureTable, IntArray, Progress, silent
from noisette.types.row_hashes import row_hashes

DUPLICATE_SIMILARITY = 0.99
"""Cosine around the mean from which two samples are taken for one picture.

Looked at on real photographs: above .99 all pairs that a small network's features gave were one picture twice (10 of
10), just below it about one in five was not (two birds in a blue sky). Other features spread copies wider (down to
.8), but mix them with mere look-alikes there; a false duplicate does more harm than a missed one.
"""

LINKS = 8  # nearest neighbours a row that may link it; what they link may be larger
LARGE_GROUP, LARGE_SHARE = 100, 0.01

Keys = npt.NDArray[Any]


class DuplicateLinks:
    """Collects near-duplicates from neighbour lists, block by block.

    Args:
        index: what was searched; its rows must be of the table whose rows are linked.
        threshold: cosine from which two rows are taken for one picture.
    """

    def __init__(self, index: NeighborIndex, *, threshold: float = DUPLICATE_SIMILARITY) -> None:
        self.index = index
        self.threshold = threshold
        self._links: list[IntArray] = []

    def add(self, rows: IntArray, neighbors: Neighbors) -> None:
        """Take note of the links of some rows of the table, (B,), to their neighbours, (B, k)."""
        near = neighbors.similarities[:, :LINKS] >= self.threshold
        places, columns = np.nonzero(near)
        others = self.index.rows[neighbors.rows[places, columns]]
        links = np.stack([rows[places], others])
        self._links.append(links[:, links[0] != links[1]])

    def groups(self, table: FeatureTable, *, extra_keys: Sequence[Keys] = ()) -> IntArray:
        """Give the (N,) duplicate group of every row: the smallest row number in it, or -1 for a row without duplicate.

        Rows with the same bytes, or the same extra key, are always in one group. Others join the group of a row only if
        their cosine with the group's first row reaches the threshold: chains of look-alikes do not make one group. A
        group of more than 100 rows and 1 % of the table that only its cosines hold together is no group: so many rows
        are alike where features cannot tell pictures apart.

        Args:
            table: the N rows; they are read once for their hashes, and those that are linked once more.
            extra_keys: (N,) arrays of anything that sorts, such as hashes of the files; 0 and "" are no key.

        Raises:
            ShapeError: extra keys do not fit the table.
        """
        same = _same_content(_table_hashes(table), _checked(extra_keys, table.num_rows))
        links = np.concatenate([np.empty((2, 0), dtype=np.int64), *self._links], axis=1)
        near = components(same[links], table.num_rows)
        leader = groups_around_leaders(table, self.index.mean, near, np.unique(same[links]), self.threshold)
        group = leader[same]
        sizes = np.bincount(group, minlength=table.num_rows)
        too_large = sizes > max(LARGE_GROUP, LARGE_SHARE * table.num_rows)
        group = np.where(too_large[group], same, group)
        return np.where(np.bincount(group, minlength=table.num_rows)[group] > 1, group, -1)


def find_duplicates(
    index: NeighborIndex,
    table: FeatureTable,
    *,
    threshold: float = DUPLICATE_SIMILARITY,
    extra_keys: Sequence[Keys] = (),
    progress: Progress = silent,
) -> IntArray:
    """Search for all rows of the table that `index` was built from, and give their (N,) duplicate groups.

    A row's group is the smallest row number in it, -1 for a row without duplicate; see `DuplicateLinks.groups`.
    Whoever searches for all rows anyway hands the neighbours to `DuplicateLinks` instead.
    """
    links = DuplicateLinks(index, threshold=threshold)
    for rows, neighbors in search_table(index, table, LINKS, progress=progress):
        links.add(rows, neighbors)
    return links.groups(table, extra_keys=extra_keys)


def components(links: IntArray, num_rows: int) -> IntArray:
    """Give the (N,) smallest row number of each row's connected component; `links` are (2, L) row numbers."""
    graph = coo_array((np.ones(links.shape[1], dtype=np.bool_), (links[0], links[1])), shape=(num_rows, num_rows))
    _, names = connected_components(graph, directed=False)
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    smallest: IntArray = first[inverse].astype(np.int64)
    return smallest


def _same_content(hashes: Keys, extra_keys: Iterable[Keys]) -> IntArray:
    """Give the (N,) smallest row number with the same content, hashes and keys taken together."""
    links = [_key_links(hashes)]
    for keys in extra_keys:
        present = np.flatnonzero(keys != keys.dtype.type())
        links.append(present[_key_links(keys[present])])
    return components(np.concatenate(links, axis=1), hashes.size)


def _key_links(keys: Keys) -> IntArray:
    """Link every row with the first that has the same key."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return np.stack([np.arange(keys.size), first[inverse].astype(np.int64)])


def _table_hashes(table: FeatureTable) -> Keys:
    parts = [row_hashes(block) for block in table.iter_batches(block_rows(table.num_features))]
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])


def _checked(extra_keys: Sequence[Keys], num_rows: int) -> Sequence[Keys]:
    for keys in extra_keys:
        if keys.shape != (num_rows,):
            raise ShapeError(f"each of `extra_keys` must have shape ({num_rows},), one key a row, got {keys.shape}")
    return extra_keys
