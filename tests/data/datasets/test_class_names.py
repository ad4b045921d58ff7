from pathlib import Path

import pytest

from noisette.data.datasets import class_names
from noisette.data.datasets.class_names import ClassFinder, class_ids
from noisette.errors import DataFileError, InvalidInputError


def found(*cells: object) -> tuple[tuple[str, ...], bool]:
    finder = ClassFinder(Path("m.csv"))
    for cell in cells:
        finder.add([cell])
    return finder.found()


def test_names_are_sorted_by_their_characters() -> None:
    assert found("dog", "cat", "Zebra", "dog", "é") == (("Zebra", "cat", "dog", "é"), False)


def test_whole_numbers_are_ids_up_to_the_largest() -> None:
    assert found("3", "0", "1.0") == (("0", "1", "2", "3"), True)
    assert found(2, 0) == (("0", "1", "2"), True)
    assert found(1.0) == (("0", "1"), True)
    assert found(True, False) == (("0", "1"), True)


def test_the_majority_of_different_labels_tells_names_from_ids() -> None:
    assert found("10", "2", "2x") == (tuple(map(str, range(11))), True)
    assert found("7", "a", "b") == (("7", "a", "b"), False)


def test_cells_that_name_no_class_are_passed_over() -> None:
    assert found("a", "", " ", "-1", "-2", None, {"x": 1}, b"\xff", "line\nbreak", "\ud800") == (("a",), False)
    assert found() == ((), True)


def test_too_many_labels_or_too_large_ids_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataFileError, match=r"m\.csv: has class id 1000000, and ids count classes from 0"):
        found("1000000")
    monkeypatch.setattr(class_names, "MOST_CLASSES", 2)
    with pytest.raises(DataFileError, match=r"has over 2 different labels; name the right column"):
        found("a", "b", "c")


def test_ids_of_a_class_list() -> None:
    assert class_ids(("b", "a")) == {"b": 0, "a": 1}
    with pytest.raises(InvalidInputError, match=r"`class_names` must hold each name once, got 'a' twice"):
        class_ids(["a", "b", "a"])
