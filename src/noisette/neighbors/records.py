"""What a search gives: the nearest rows of the bank, and how near they are."""

from __future__ import annotations

from dataclasses import dataclass

from noisette.types import Float32Array, IntArray


@dataclass(frozen=True, eq=False, slots=True)
class Neighbors:
    """The k nearest rows of the bank of B queries, nearest first; equal ones in the order of the bank.

    Attributes:
        rows: (B, k) positions in the bank (not row numbers of the table: those are `NeighborIndex.rows[position]`);
            -1 where there are fewer than k.
        similarities: (B, k) float32 cosines in [-1, 1] up to rounding, descending; -inf where there are fewer than k.
    """

    rows: IntArray
    similarities: Float32Array

    def __len__(self) -> int:
        return len(self.rows)
