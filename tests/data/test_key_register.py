import random

import pytest

from noisette.data import key_register
from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError


@pytest.mark.parametrize("largest_run", [4, 1 << 18])
def test_agrees_with_a_dictionary(largest_run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_register, "_LARGEST_RUN", largest_run)
    choose, register = random.Random(0), KeyRegister()
    known: dict[str, int] = {}
    line = 0
    for _ in range(400):
        keys = [f"k{choose.randrange(3000)}" for _ in range(choose.choice([0, 1, 1, 2, 5, 40]))]
        lines = range(line + 1, line + 1 + len(keys))
        line += len(keys)
        new = len(set(keys)) == len(keys) and known.keys().isdisjoint(keys)
        assert register.add_all(keys, lines) == new
        if new:
            known |= zip(keys, lines, strict=True)
            continue
        for key, at in zip(keys, lines, strict=True):
            if key in known:
                with pytest.raises(BadRowError) as caught:
                    register.add(key, at)
                assert caught.value.detail == f"{key!r} is on line {known[key]} too"
            else:
                register.add(key, at)
                known[key] = at
    assert len(known) > 1000


def test_files_and_splits() -> None:
    register = KeyRegister()
    register.start_file("a.parquet")
    register.add(("train", "k"), 7)
    register.add(("val", "k"), 7)
    register.start_file("b.parquet")
    with pytest.raises(BadRowError) as caught:
        register.add(("val", "k"), 7)
    assert caught.value.detail == "'k' in split 'val' is on line 7 of a.parquet too"


@pytest.mark.parametrize("bad", [set(), {0}, {5}, {0, 1, 63}, set(range(64))])
def test_rows_are_taken_whole_or_not_at_all(bad: set[int]) -> None:
    register = KeyRegister()
    register.add("old", 1)
    rows = [[f"{row}|a", "old"] if row in bad else [f"{row}|a", f"{row}|b"] for row in range(64)]
    problems = register.add_rows(rows, range(2, 66))
    assert {row: error.detail for row, error in problems.items()} == dict.fromkeys(
        sorted(bad), "'old' is on line 1 too"
    )
    assert list(problems) == sorted(bad)
    again = register.add_rows([[f"{row}|a"] for row in range(64)], range(66, 130))
    assert set(again) == set(range(64)) - bad


def test_of_rows_that_repeat_each_other_the_first_is_taken() -> None:
    register = KeyRegister()
    rows: list[list[str]] = [["a"], [], ["b", "a"], ["b"], ["c", "c"], ["c"]]
    found = register.add_rows(rows, [2, 3, 4, 5, 6, 7])
    assert {row: error.detail for row, error in found.items()} == {
        2: "'a' is on line 2 too",
        4: "'c' comes twice in one row",
    }
    assert register.add_rows([], []) == {}
    assert register.add_rows([["x"], ["x"]], [0, 0])[1].detail == "'x' comes twice"
