from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from noisette.errors import DataFileError, InvalidInputError
from noisette.store import NeighborRows, NeighborTable, neighbor_table, write_neighbors, write_table

SIZE, K = 25, 4


def make_rows() -> NeighborRows:
    rng = np.random.default_rng(0)
    similarities = -np.sort(-rng.random((SIZE, K)).astype(np.float16).astype(np.float32), axis=1)
    similarities[3, 2:] = -np.inf
    neighbors = rng.integers(0, SIZE, (SIZE, K))
    neighbors[3, 2:] = -1
    return NeighborRows(neighbors, similarities)


def write(path: Path, *cuts: int) -> NeighborRows:
    rows = make_rows()
    edges = [0, *cuts, SIZE]
    blocks = [NeighborRows(rows.neighbors[a:b], rows.similarities[a:b]) for a, b in pairwise(edges)]
    write_neighbors(path, ["train"] * SIZE, [f"k{i}" for i in range(SIZE)], blocks, K)
    return rows


def test_rows_come_back_in_batches_and_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbor_table, "ROW_GROUP", 10)
    rows = write(tmp_path / "n.parquet", 3, 17)
    table = NeighborTable(tmp_path / "n.parquet")
    assert (table.num_rows, table.num_neighbors) == (SIZE, K)
    batches = list(table.iter_batches(7))
    assert max(len(batch.neighbors) for batch in batches) <= 7
    np.testing.assert_array_equal(np.concatenate([batch.neighbors for batch in batches]), rows.neighbors)
    np.testing.assert_array_equal(np.concatenate([batch.similarities for batch in batches]), rows.similarities)
    asked = np.array([24, 3, 3, 11])
    np.testing.assert_array_equal(table.take(asked).neighbors, rows.neighbors[asked])
    np.testing.assert_array_equal(table.take(asked).similarities, rows.similarities[asked])
    assert table.take(asked[:0]).neighbors.shape == (0, K)
    assert pq.read_table(tmp_path / "n.parquet", columns=["key"]).column(0).to_pylist()[-1] == "k24"


def test_the_file_does_not_depend_on_how_the_rows_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbor_table, "ROW_GROUP", 10)
    write(tmp_path / "a.parquet", 1, 2, 24)
    write(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_missing_rows_leave_no_file(tmp_path: Path) -> None:
    rows = make_rows()
    with pytest.raises(InvalidInputError, match="`blocks` must hold the neighbours of 30 rows, got 25"):
        write_neighbors(tmp_path / "n.parquet", ["train"] * 30, ["k"] * 30, [rows], K)
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"none.parquet: cannot be read .*run `noisette detect` again"):
        NeighborTable(tmp_path / "none.parquet")
    write_table(tmp_path / "other.parquet", {"key": ["a"]})
    with pytest.raises(DataFileError, match="holds no neighbours"):
        NeighborTable(tmp_path / "other.parquet")
