from __future__ import annotations

import numpy as np

from noisette.neighbors import leaders
from noisette.neighbors.leaders import groups_around_leaders
from noisette.types import ArrayTable


def test_who_is_far_from_the_leader_leaves_and_leads_the_next_group() -> None:
    angles = np.deg2rad([50, 0, 2, 30, 4, 31, 60])
    table = ArrayTable(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32))
    component = np.array([0, 1, 1, 1, 1, 1, 6])
    found = groups_around_leaders(table, np.zeros(2, dtype=np.float32), component, np.arange(1, 6), 0.99)
    assert found.tolist() == [0, 1, 1, 3, 1, 3, 6]


def test_after_so_many_rounds_the_rest_stays_alone() -> None:
    angles = np.deg2rad(np.arange(0, 360, 2.0))
    table = ArrayTable(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32))
    rows = np.arange(angles.size)
    found = groups_around_leaders(table, np.zeros(2, dtype=np.float32), np.zeros_like(rows), rows, 0.9999)
    assert found.tolist() == rows.tolist()
    assert leaders.ROUNDS < rows.size
