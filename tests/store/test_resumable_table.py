from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisette.errors import InvalidInputError, ShapeError
from noisette.store import ParquetTable, ResumableTable
from noisette.store.batch_journal import Note

BATCHES, SIZE, WIDTH = 11, 4, 3
Batch = tuple[list[str], list[str], np.ndarray, list[Note]]


def batches() -> list[Batch]:
    """Batches of 0 to 4 rows."""
    rng = np.random.default_rng(0)
    made: list[Batch] = []
    for number in range(BATCHES):
        rows = number % (SIZE + 1)
        keys = [f"{number}/{row}" for row in range(rows)]
        notes = [{"key": f"{number}/bad", "kind": "empty file"}] * (SIZE - rows)
        made.append((["train"] * rows, keys, rng.normal(size=(rows, WIDTH)).astype(np.float32), notes))
    return made


def open_table(folder: Path, **changed: Any) -> ResumableTable:
    options: dict[str, Any] = {"num_features": WIDTH, "dtype": "float16", "metadata": {"a": "b"}, "batches_per_part": 4}
    return ResumableTable(folder, **options | changed)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    table = open_table(tmp_path / "whole")
    for batch in batches():
        table.append(*batch)
    table.finish()
    return tmp_path / "whole"


def test_rows_come_back_in_order(whole: Path) -> None:
    table = ParquetTable(whole)
    assert table.read_keys() == [key for batch in batches() for key in batch[1]]
    expected = np.concatenate([batch[2] for batch in batches()]).astype(np.float16)
    np.testing.assert_array_equal(np.concatenate(list(table.iter_batches(5))), expected.astype(np.float32))
    assert table.metadata == {"a": "b"}
    assert sorted(contents(whole)) == ["manifest.json", *(f"part-0000{i}.parquet" for i in range(3))]


@pytest.mark.parametrize("stops", [[0], [1], [4], [5], [10], [11], [3, 7, 9], list(range(BATCHES))])
def test_a_writer_that_stops_and_another_that_goes_on_give_the_same_bytes(
    stops: list[int], whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    for stop in [*stops, BATCHES]:
        table = open_table(folder)
        expected = [note for batch in batches()[: table.num_batches] for note in batch[3]]
        assert list(table.notes()) == expected
        for batch in batches()[table.num_batches : stop]:
            table.append(*batch)
        assert table.num_batches == stop
        table.close()
    open_table(folder).finish()
    assert contents(folder) == contents(whole)


def test_finishing_twice_changes_nothing(whole: Path) -> None:
    before = contents(whole)
    table = open_table(whole)
    assert table.num_batches == BATCHES
    table.finish()
    assert contents(whole) == before


@pytest.mark.parametrize("changed", [{"metadata": {"a": "c"}}, {"dtype": "float32"}, {"batches_per_part": 5}])
def test_a_table_of_other_settings_is_replaced(changed: dict[str, Any], whole: Path) -> None:
    table = open_table(whole, **changed)
    assert table.num_batches == 0
    table.append(*batches()[4])
    table.finish()
    assert ParquetTable(whole).num_rows == 4
    assert sorted(contents(whole)) == ["manifest.json", "part-00000.parquet"]


def test_a_table_without_any_row_is_a_table(tmp_path: Path) -> None:
    table = open_table(tmp_path / "t")
    table.append([], [], np.empty((0, 0), dtype=np.float32), [{"key": "x", "kind": "empty file"}])
    table.finish()
    assert (ParquetTable(tmp_path / "t").num_rows, ParquetTable(tmp_path / "t").num_features) == (0, WIDTH)


def test_impossible_batches_are_refused(tmp_path: Path) -> None:
    with open_table(tmp_path / "t") as table:
        with pytest.raises(ShapeError, match=r"1 splits and keys and \(1, 3\) features"):
            table.append(["train"], ["a"], np.zeros((1, 2), dtype=np.float32), [])
        with pytest.raises(InvalidInputError, match="beyond float16"):
            table.append(["train"], ["a"], np.full((1, 3), 1e6, dtype=np.float32), [])
        assert table.num_batches == 0
    with pytest.raises(InvalidInputError, match="`batches_per_part` must be at least 1"):
        open_table(tmp_path / "u", batches_per_part=0)
