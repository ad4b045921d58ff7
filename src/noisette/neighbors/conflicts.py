"""One picture under two labels: groups of duplicates whose given labels differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.types import IntArray


@dataclass(frozen=True, eq=False, slots=True)
class ConflictingGroup:
    """Samples that show one picture and carry different given labels.

    Attributes:
        group: the smallest row number among them.
        rows: (G,) row numbers, ascending.
        given_labels: (G,) their given labels; at least one of them is wrong.
    """

    group: int
    rows: IntArray
    given_labels: IntArray


def conflicting_groups(duplicate_group: IntArray, given_labels: IntArray) -> list[ConflictingGroup]:
    """Give the groups of duplicates with more than one given label, largest first, then by their first row.

    Args:
        duplicate_group: (N,) as `find_duplicates` gives it; -1 = no duplicate.
        given_labels: (N,) class ids.
    """
    rows = np.flatnonzero(duplicate_group >= 0)
    rows = rows[np.argsort(duplicate_group[rows], kind="stable")]
    names, starts = np.unique(duplicate_group[rows], return_index=True)
    if names.size == 0:
        return []
    labels = given_labels[rows]
    differ = np.flatnonzero(np.maximum.reduceat(labels, starts) != np.minimum.reduceat(labels, starts))
    stops = np.append(starts[1:], rows.size)
    order = differ[np.argsort(starts[differ] - stops[differ], kind="stable")]
    parts = [(int(names[i]), slice(starts[i], stops[i])) for i in order]
    return [ConflictingGroup(name, rows[part], labels[part]) for name, part in parts]
