"""The nearest rows of a few stretches of the bank, by blocks of matrix products that never grow with the bank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from noisette.neighbors.bank import Bank
from noisette.neighbors.records import Neighbors
from noisette.neighbors.selection import best_columns, merge_best
from noisette.types import Float32Array, HashArray, IntArray

TILE_ROWS = 1 << 16  # rows of the bank that are compared at a time
TILE_NUMBERS = 1 << 25  # and the numbers in them: 128 MB of float32
SCORES = 1 << 24  # similarities that are in memory at a time: 64 MB

Stretch = tuple[int, int]
"""Start and stop of consecutive rows of the bank."""


def nearest_rows(
    bank: Bank, stretches: Sequence[Stretch], queries: Float32Array, k: int, exclude: HashArray | None
) -> Neighbors:
    """Compare unit rows with some stretches (ascending) of the bank; rows with the hash of a query are left out.

    Args:
        bank: what to search in.
        stretches: which parts of it.
        queries: (B, D) unit rows.
        k: neighbours a query.
        exclude: (B,) content hash of each query; None = leave nothing out.
    """
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    similarities = np.full((len(queries), k), -np.inf, dtype=np.float32)
    buffer = np.empty(0, dtype=np.float32)
    for number, tile in enumerate(_tiles(stretches, bank.values.shape[1])):
        blocks = [bank.block(*stretch) for stretch in tile]
        positions = np.concatenate([np.arange(*stretch) for stretch in tile])
        step = max(1, SCORES // positions.size)
        if buffer.size < min(step, len(queries)) * positions.size:
            buffer = np.empty(min(step, len(queries)) * positions.size, dtype=np.float32)
        for start in range(0, len(queries), step):
            part = slice(start, min(start + step, len(queries)))
            scores = buffer[: (part.stop - start) * positions.size].reshape(-1, positions.size)
            _multiply(queries[part], blocks, scores)
            if exclude is not None:
                _exclude(scores, positions, bank.copies_of(exclude[part]))
            found = _in_tile(scores, positions, k, similarities[part, -1] if number else None)
            if number:
                found = merge_best((rows[part], similarities[part]), found)
            rows[part], similarities[part] = found
    return Neighbors(rows, similarities)


def _tiles(stretches: Sequence[Stretch], num_features: int) -> Iterator[list[Stretch]]:
    """Put stretches together, and cut large ones, into tiles of bounded size."""
    size = max(64, min(TILE_ROWS, TILE_NUMBERS // max(1, num_features)))
    tile: list[Stretch] = []
    room = size
    for begin, stop in stretches:
        start = begin
        while start < stop:
            taken = min(room, stop - start)
            tile.append((start, start + taken))
            start, room = start + taken, room - taken
            if room == 0:
                yield tile
                tile, room = [], size
    if tile:
        yield tile


def _multiply(queries: Float32Array, blocks: Sequence[Float32Array], scores: Float32Array) -> None:
    column = 0
    for block in blocks:
        np.matmul(queries, block.T, out=scores[:, column : column + len(block)])
        column += len(block)


def _exclude(scores: Float32Array, positions: IntArray, copies: tuple[IntArray, IntArray]) -> None:
    queries, excluded = copies
    columns = np.minimum(np.searchsorted(positions, excluded), positions.size - 1)
    here = positions[columns] == excluded
    scores[queries[here], columns[here]] = -np.inf


def _in_tile(
    scores: Float32Array, positions: IntArray, k: int, floor: Float32Array | None
) -> tuple[IntArray, Float32Array]:
    columns, best = best_columns(scores, k, floor)
    return np.where(columns >= 0, positions[columns], -1), best
