from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from noisette.store.batch_journal import BatchJournal, JournalBatch


def batch(number: int, rows: int = 3, dtype: str = "float16") -> JournalBatch:
    features = (np.arange(rows * 2).reshape(rows, 2) + number).astype(dtype)
    keys = [f"é{number}/{row}.jpg" for row in range(rows)]
    return JournalBatch(["train"] * rows, keys, features, [{"key": f"bad{number}", "kind": "empty file"}])


def assert_holds(journal: BatchJournal, numbers: list[int]) -> None:
    found = list(journal)
    assert journal.num_batches == len(numbers)
    assert [item.keys for item in found] == [batch(number).keys for number in numbers]
    for item, number in zip(found, numbers, strict=True):
        np.testing.assert_array_equal(item.features, batch(number).features)
        assert item.features.dtype == np.float16
        assert item.notes == batch(number).notes


def test_batches_come_back_in_order_while_more_are_written(tmp_path: Path) -> None:
    with closing(BatchJournal(tmp_path / "j", "s")) as journal:
        for number in range(20):
            journal.append(batch(number))
            assert_holds(journal, list(range(number + 1)))
    with closing(BatchJournal(tmp_path / "j", "s")) as journal:
        assert_holds(journal, list(range(20)))


def test_a_batch_without_rows_keeps_its_notes(tmp_path: Path) -> None:
    with closing(BatchJournal(tmp_path / "j", "s")) as journal:
        journal.append(batch(0, rows=0))
        (found,) = list(journal)
    assert found.features.shape == (0, 2)
    assert found.notes == [{"key": "bad0", "kind": "empty file"}]


def test_whatever_is_cut_off_the_batches_before_stay_and_writing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = BatchJournal(path, "s")
    ends = [path.stat().st_size]
    for number in range(3):
        journal.append(batch(number))
        ends.append(path.stat().st_size)
    journal.close()
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        again = BatchJournal(path, "s")
        kept = max(0, sum(end <= size for end in ends) - 1)
        assert_holds(again, list(range(kept)))
        for number in range(kept, 3):
            again.append(batch(number))
        again.close()
        assert path.read_bytes() == whole


@pytest.mark.parametrize("place", [-1, -40, 5])
def test_damage_ends_the_batches_that_count(place: int, tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = BatchJournal(path, "s")
    journal.append(batch(0))
    journal.append(batch(1))
    journal.close()
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    with closing(BatchJournal(path, "s")) as journal:
        assert journal.num_batches == (1 if place < 0 else 0)


def test_a_journal_of_other_settings_is_started_anew(tmp_path: Path) -> None:
    with closing(BatchJournal(tmp_path / "j", "s")) as journal:
        journal.append(batch(0))
    with closing(BatchJournal(tmp_path / "j", "other")) as journal:
        assert journal.num_batches == 0
