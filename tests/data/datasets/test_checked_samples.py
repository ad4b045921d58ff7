from collections.abc import Iterator
from pathlib import Path

import pytest

from noisette.data.datasets import checked_samples
from noisette.data.datasets.checked_samples import Entry, check_entries
from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError
from noisette.errors import TooManyBadRowsError
from noisette.types import BadRows, Sample

PATH = Path("m.csv")


def entry(line: int | None, *keys: str, split: str = "train") -> Entry:
    return Entry(PATH, line, [Sample(key, 0, split) for key in keys])


def check(*entries: Entry) -> tuple[list[str], list[str]]:
    bad = BadRows(on_error="skip", max_bad=1.0)
    keys = [sample.key for sample in check_entries(entries, KeyRegister(), bad)]
    assert bad.num_read == len(entries)
    return keys, [str(row) for row in bad.rows]


def test_bad_entries_and_duplicates_are_reported_in_order() -> None:
    keys, problems = check(
        entry(2, "a"),
        Entry(PATH, 3, BadRowError("empty path")),
        entry(4, "a"),
        entry(5, "a", split="test"),
        Entry(PATH, 6, BadRowError("unknown class", "'x'")),
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
    assert check(entry(None, "a"), entry(None, "a"))[1] == ["m.csv: duplicate key: 'a' comes twice"]


def test_duplicates_are_found_over_batches_and_entries_are_read_as_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checked_samples, "_BATCH", 2)
    taken = []

    def entries() -> Iterator[Entry]:
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
    entries = [entry(2, "a"), Entry(PATH, 3, BadRowError("empty path")), entry(4, "a")]
    with pytest.raises(TooManyBadRowsError, match=r"m\.csv:3: empty path"):
        list(check_entries(entries, KeyRegister(), BadRows()))
