"""Near copies: rows known to show one picture, though their content differs, are not each other's neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from noisette.types import HashArray, IntArray


@dataclass(frozen=True, eq=False)
class Copies:
    """For each content that has near copies, the content that stands for all of them.

    Attributes:
        hashes: (G,) content hashes, ascending.
        leaders: (G,) content hash of the first row of the same group.
    """

    hashes: HashArray
    leaders: HashArray

    @classmethod
    def of(cls, hashes: HashArray, groups: IntArray) -> Self:
        """Learn them from (M,) content hashes and group numbers; -1 = no near copy."""
        members = np.flatnonzero(groups >= 0)
        _, first, group = np.unique(groups[members], return_index=True, return_inverse=True)
        own, place = np.unique(hashes[members], return_index=True)
        return cls(own, hashes[members[first[group[place]]]])

    def lead(self, hashes: HashArray) -> HashArray:
        """Give, for each content, the one that stands for it: itself where it has no near copies."""
        if self.hashes.size == 0:
            return hashes
        places = np.minimum(np.searchsorted(self.hashes, hashes), self.hashes.size - 1)
        return np.where(self.hashes[places] == hashes, self.leaders[places], hashes)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Give them as arrays, for saving."""
        return {"copy_hashes": self.hashes, "copy_leaders": self.leaders}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self | None:
        """Undo `to_arrays`; None where there were none."""
        return cls(arrays["copy_hashes"], arrays["copy_leaders"]) if "copy_hashes" in arrays else None
