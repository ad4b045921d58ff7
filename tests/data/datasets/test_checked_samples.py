from collections.abc import Iterator
from pathlib import Path

import pytest

from noisette.data.datasets import checked_samples
from noisette.data.datasets.checked_samples import ReadEntry, check_entries
from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError
from noisette.errors import TooManyBadRowsError
from noisette.types import BadRows, Sample

PATH = Path("m.csv")


def entry(line: int | None, *keys: str, split: str = "train") -> ReadEntry:
    return ReadEntry(PATH, line, [Sample(key, 0, split) for key in keys])


def check(*entries: ReadEntry) -> tuple[list[str], list[str]]:
    bad = BadRows(on_error="skip", max_bad=1.0)
    keys = [sample.key for sample in check_entries(entries, KeyRegister(), bad)]
    assert bad.num_read == len(entries)
    return keys, [str(row) for row in bad.rows]


def test_bad_entries_and_duplicates_are_reported_in_order() -> None:
    keys, problems = check(
        entry(2, "a"),
        ReadEntry(PATH, 3, BadRowError("empty path")),
        entry(4, "a"),
        entry(5, "a", split="test"),
        ReadEntry(PATH, 6, BadRowError("unknown class", "'x'")),
        entry(7, "b"),
    )
    assert keys == ["a", "a", "b"]
    assert problems == [
        "m.csv:3: empty path",
        "m.csv:4: duplicate key: 'a' in split 'train' is on line 2 too",
        "m.csv:6: unknown class: 'x'",
    ]


def test_an_entry_of_several_samples_is_good_or_bad_as_a_whole() -> None:
    keys, problems = check(entry(2, "a", "b"), entry(3, "c", "b"), entry(4, "d", "e"))
    assert keys == ["a", "b", "d", "e"]
    assert problems == ["m.csv:3: duplicate key: 'b' in split 'train' is on line 2 too"]


def test_entries_without_lines_name_the_key_alone() -> None:
    assert check(entry(None, "a"), entry(None, "a"))[1] == ["m.csv: duplicate key: 'a' in split 'train' comes twice"]


def test_a_rejected_entry_takes_no_key() -> None:
    keys, problems = check(entry(2, "a"), entry(3, "b", "a"), entry(4, "b"), ReadEntry(PATH, 5, BadRowError("x")))
    assert keys == ["a", "b"]
    assert problems == ["m.csv:3: duplicate key: 'a' in split 'train' is on line 2 too", "m.csv:5: x"]


def test_an_entry_that_repeats_itself_is_bad() -> None:
    keys, problems = check(entry(2, "a", "b", "a"), entry(3, "a"))
    assert keys == ["a"]
    assert problems == ["m.csv:2: duplicate key: 'a' in split 'train' comes twice in one row"]


def test_duplicates_are_found_over_batches_and_entries_are_read_as_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checked_samples, "_BATCH", 2)
    taken = []

    def entries() -> Iterator[ReadEntry]:
        for line, key in enumerate("abcda", start=2):
            taken.append(key)
            yield entry(line, key)

    bad = BadRows(on_error="skip", max_bad=1.0)
    samples = check_entries(entries(), KeyRegister(), bad)
    assert next(samples).key == "a"
    assert taken == ["a", "b"]
    assert [sample.key for sample in samples] == ["b", "c", "d"]
    assert [row.line for row in bad.rows] == [6]


def test_the_first_bad_entry_stops_where_it_should() -> None:
    entries = [entry(2, "a"), ReadEntry(PATH, 3, BadRowError("empty path")), entry(4, "a")]
    with pytest.raises(TooManyBadRowsError, match=r"m\.csv:3: empty path"):
        list(check_entries(entries, KeyRegister(), BadRows()))
