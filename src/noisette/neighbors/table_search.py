"""A search for every row of a table, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noisette.neighbors.index import NeighborIndex
from noisette.neighbors.records import Neighbors
from noisette.neighbors.unit_rows import block_rows
from noisette.types import FeatureTable, IntArray, Progress, silent
from noisette.types.row_hashes import row_hashes


def search_table(
    index: NeighborIndex, table: FeatureTable, k: int, *, exclude_copies: bool = True, progress: Progress = silent
) -> Iterator[tuple[IntArray, Neighbors]]:
    """Search for all rows of a table, a block at a time.

    Args:
        index: what to search in.
        table: the N queries.
        k: neighbours a query.
        exclude_copies: a row and its byte-equal copies are never its neighbours.
        progress: called as ``progress("neighbors", rows done, N)``.

    Yields:
        Row numbers of the table, (B,), and their neighbours. Every row comes once; the order is not that of the table.
    """
    start = 0
    for block in table.iter_batches(block_rows(table.num_features)):
        rows = np.arange(start, start + len(block))
        yield rows, index.search(block, k, exclude=row_hashes(block) if exclude_copies else None)
        start += len(block)
        progress("neighbors", start, table.num_rows)
