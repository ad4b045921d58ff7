"""Features as rows of length one around their mean, so that a product of two rows is their cosine."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from noisette.errors import InvalidInputError
from noisette.types import FeatureTable, Float32Array

BLOCK_NUMBERS = 1 << 23  # numbers in a block of features: 32 MB of float32


def block_rows(num_features: int, block_numbers: int = BLOCK_NUMBERS) -> int:
    """Rows to read at a time, so that a block stays near `block_numbers` numbers whatever D is."""
    return max(64, block_numbers // max(1, num_features))


def table_mean(table: FeatureTable) -> Float32Array:
    """Give the (D,) mean of all rows, summed in float64; zeros for a table without rows.

    Raises:
        InvalidInputError: a number is NaN or infinite.
    """
    total = np.zeros(table.num_features)
    start = 0
    for block in table.iter_batches(block_rows(table.num_features)):
        with np.errstate(invalid="ignore"):
            total += block.sum(axis=0, dtype=np.float64)
        if not np.isfinite(total).all():
            _refuse(start + int(np.argmin(np.isfinite(block).all(axis=1))))
        start += len(block)
    return (total / max(1, table.num_rows)).astype(np.float32)


def unit_rows(features: Float32Array, mean: Float32Array, first_row: int = 0) -> Float32Array:
    """Give the (B, D) rows minus the mean, each divided by its length; a row at the mean stays zero.

    Raises:
        InvalidInputError: a number is NaN, infinite or too large to be squared; the message counts from `first_row`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.subtract(features, mean, dtype=np.float32)
        lengths = np.sqrt(np.einsum("bd,bd->b", rows, rows))
    if not np.isfinite(lengths).all():
        _refuse(first_row + int(np.argmin(np.isfinite(lengths))))
    rows /= np.where(lengths > 0, lengths, 1)[:, None]
    return rows


def in_directions(rows: Float32Array, directions: Float32Array | None) -> Float32Array:
    """Give (B, D) rows in some directions (D, d), or as they are."""
    return rows if directions is None else rows @ directions


def _refuse(row: int) -> NoReturn:
    raise InvalidInputError(
        f"`features` must hold finite numbers below 1e18, but row {row} does not; leave such rows out or extract again"
    )
