"""How many of the true neighbours a search finds, and how many cells it must look at, measured on the bank itself."""

from __future__ import annotations

import numpy as np

from noisette.neighbors.bank import Bank
from noisette.neighbors.cells import Cells
from noisette.neighbors.products import nearest_rows
from noisette.neighbors.selection import merge_best
from noisette.neighbors.unit_rows import block_rows, unit_rows
from noisette.types import FeatureTable, Float32Array, HashArray, IntArray

TARGET_RECALL = 0.95
RECALL_AT = 50
_SAMPLE = 512
_WORTHWHILE = 0.5  # above this share of the bank, the exact search costs little more and misses nothing


def tune_probes(bank: Bank, cells: Cells, rng: np.random.Generator) -> tuple[Cells | None, float]:
    """Give cells with as few probes as find 95 % of the true neighbours of some rows of the bank, and the share found.

    Give (None, 1.0) where that means to look at most of the bank: then the exact search is the better one.
    """
    sample = np.sort(rng.choice(bank.size, min(_SAMPLE, bank.size), replace=False))
    queries = np.asarray(bank.values[sample], dtype=np.float32)
    truth = nearest_rows(bank, [(0, bank.size)], queries, RECALL_AT, bank.hashes[sample]).rows
    ranks = _ranks_of_true_neighbours(cells, cells.cells_of(queries), truth)
    if ranks.size == 0:
        return None, 1.0
    needed = int(np.quantile(ranks, TARGET_RECALL, method="higher")) + 1
    tuned = cells.with_probes(needed)
    if tuned.share_searched() > _WORTHWHILE:
        return None, 1.0
    own = np.repeat(cells.cells_of(queries), (truth >= 0).sum(axis=1))
    return tuned, float((ranks < tuned.num_probes[own]).mean())


def true_neighbors(
    queries: Float32Array, hashes: HashArray, table: FeatureTable, bank: Bank, mean: Float32Array
) -> IntArray:
    """Give the positions (Q, 50) in a bank of the rows with the largest cosine, of all columns; -1 = there are no more.

    Args:
        queries: (Q, D) unit rows.
        hashes: (Q,) their content hashes; copies of a query are not its neighbours.
        table: where the bank comes from.
        bank: its rows, perhaps in few directions; only their numbers and hashes are used.
        mean: (D,) taken off every row before its length is made one.
    """
    best = np.full((len(queries), RECALL_AT), -1), np.full((len(queries), RECALL_AT), -np.inf, dtype=np.float32)
    step = block_rows(table.num_features)
    for start in range(0, bank.size, step):
        rows = bank.rows[start : start + step]
        block = Bank(unit_rows(table.take(rows), mean), rows, bank.hashes[start : start + step])
        found = nearest_rows(block, [(0, block.size)], queries, RECALL_AT, hashes)
        positions = np.where(found.rows >= 0, found.rows + start, -1)
        best = merge_best(best, (positions, found.similarities))
    return best[0]


def _ranks_of_true_neighbours(cells: Cells, own: IntArray, truth: IntArray) -> IntArray:
    there = truth >= 0
    own = np.repeat(own, there.sum(axis=1))
    return cells.ranks(own, cells.cell_of_position(truth[there]))
