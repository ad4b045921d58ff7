from __future__ import annotations

from pathlib import Path

import pytest

from noisette.data.exports.journal import Failure, Journal, Shard
from noisette.errors import DataFileError

FIRST = Shard("train", 10, 9, "train-000000.tar", (Failure("a\n.jpg", "missing file", ""),))
SECOND = Shard("train", 12, 0, "")
OTHER = Shard("größe", 3, 3, "x.tar")


def test_what_was_added_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    for shard in (FIRST, OTHER, SECOND):
        journal.add(shard)
    again = Journal(tmp_path / "j")
    assert again.shards("train") == journal.shards("train") == [FIRST, SECOND]
    assert again.shards("größe") == [OTHER]
    assert again.shards("test") == []
    assert again.files() == ["train-000000.tar", "x.tar"]


def test_a_torn_last_line_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "j"
    Journal(path).add(FIRST)
    whole = path.read_bytes()
    for cut in (1, 5, len(whole) - 1):
        path.write_bytes(whole + whole[:cut])
        journal = Journal(path)
        assert journal.shards("train") == [FIRST]
        journal.add(SECOND)
        assert Journal(path).shards("train") == [FIRST, SECOND]


def test_damage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("[1]\n")
    with pytest.raises(DataFileError, match=r"is damaged .*delete the folder it is in"):
        Journal(tmp_path / "j")
