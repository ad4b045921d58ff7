"""The samples of a data set as columns: who they are, where their image is, what label they carry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.errors import InvalidInputError, ShapeError
from noisette.types.arrays import IntArray


@dataclass(frozen=True, eq=False)
class SampleTable:
    """N samples as columns of equal length; (split, key) is the identity of a sample.

    Attributes:
        splits: (N,) names of splits ("train", "val", ...).
        keys: (N,) keys; POSIX relative paths where samples are files.
        uris: (N,) where the image is; "" where there is none.
        given_labels: (N,) class ids.
    """

    splits: list[str]
    keys: list[str]
    uris: list[str]
    given_labels: IntArray

    def __post_init__(self) -> None:
        lengths = (len(self.splits), len(self.keys), len(self.uris), len(self.given_labels))
        if len(set(lengths)) != 1:
            raise ShapeError(f"splits, keys, uris and given_labels must be equally long, got lengths {lengths}")

    def __len__(self) -> int:
        return len(self.keys)

    def check_unique(self) -> None:
        """Check that no two rows have the same identity, with sixteen bytes a row where that is so.

        Raises:
            InvalidInputError: two rows have.
        """
        pairs = zip(self.splits, self.keys, strict=True)
        hashes = np.fromiter(map(hash, pairs), dtype=np.int64, count=len(self))
        if np.unique(hashes).size < len(self):
            self.positions()

    def positions(self) -> dict[tuple[str, str], int]:
        """Give the row number of every (split, key).

        Raises:
            InvalidInputError: two rows have the same identity.
        """
        found = {pair: row for row, pair in enumerate(zip(self.splits, self.keys, strict=True))}
        if len(found) != len(self):
            first = next(p for row, p in enumerate(zip(self.splits, self.keys, strict=True)) if found[p] != row)
            raise InvalidInputError(f"key {first[1]!r} appears twice in split {first[0]!r}; a key must be unique there")
        return found
