"""A search for every row of a table, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noisette.neighbors.index import NeighborIndex
from noisette.neighbors.records import Neighbors
from noisette.neighbors.unit_rows import BLOCK_NUMBERS, block_rows
from noisette.types import FeatureTable, IntArray, Progress, silent
from noisette.types.row_hashes import row_hashes

CELL_BLOCK_NUMBERS = 1 << 26  # a block of queries that are sorted by cell: 256 MB, for many queries a cell
PART_ROWS = 4096


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
    numbers = BLOCK_NUMBERS if index.cells is None else CELL_BLOCK_NUMBERS
    for block in table.iter_batches(block_rows(table.num_features, numbers)):
        exclude = row_hashes(block) if exclude_copies else None
        done = start
        for rows, found in _gather(index.search_in_parts(block, k, exclude=exclude)):
            yield start + rows, found
            done += len(rows)
            progress("neighbors", done, table.num_rows)
        start += len(block)


def _gather(parts: Iterator[tuple[IntArray, Neighbors]]) -> Iterator[tuple[IntArray, Neighbors]]:
    """Put small parts together, so that whoever takes them works on whole arrays."""
    waiting: list[tuple[IntArray, Neighbors]] = []
    for part in parts:
        waiting.append(part)
        if sum(len(rows) for rows, _ in waiting) >= PART_ROWS:
            yield _join(waiting)
            waiting = []
    if waiting:
        yield _join(waiting)


def _join(parts: list[tuple[IntArray, Neighbors]]) -> tuple[IntArray, Neighbors]:
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([rows for rows, _ in parts])
    found = [found for _, found in parts]
    return rows, Neighbors(
        np.concatenate([each.rows for each in found]), np.concatenate([each.similarities for each in found])
    )
