from __future__ import annotations

import numpy as np

from noisette.neighbors import conflicting_groups


def test_groups_with_two_labels_are_given_largest_first() -> None:
    groups = np.array([0, -1, 0, 3, 3, 3, 6, 6, 8, 8, -1])
    labels = np.array([1, 2, 0, 4, 4, 5, 2, 2, 7, 1, 9])
    found = conflicting_groups(groups, labels)
    assert [(each.group, each.rows.tolist(), each.given_labels.tolist()) for each in found] == [
        (3, [3, 4, 5], [4, 4, 5]),
        (0, [0, 2], [1, 0]),
        (8, [8, 9], [7, 1]),
    ]


def test_without_duplicates_there_is_no_conflict() -> None:
    assert conflicting_groups(np.full(4, -1), np.arange(4)) == []
