import math
from typing import Any

import pytest

from noisette.data.datasets.label_reader import LabelReader
from noisette.data.rows import BadRowError
from noisette.types import Sample

NAMES = ("cat", "dog", "a|b", "0")


def read(*cells: Any, ids_too: bool = True, may_split: bool = True) -> list[tuple[str, int, int, int]]:
    reader = LabelReader(NAMES, ids_too=ids_too, may_split=may_split)
    columns = dict(zip(("given_label", "verification_label", "correct_label"), cells, strict=False))
    return [
        (one.key, one.given_label, one.verification_label, one.correct_label)
        for one in reader.samples("k", "u", columns)
    ]


def one(*cells: Any, **options: bool) -> tuple[int, int, int]:
    ((key, *labels),) = read(*cells, **options)
    assert key == "k"
    return labels[0], labels[1], labels[2]


def test_names_and_ids_where_a_name_wins() -> None:
    assert [one(cell)[0] for cell in ("dog", "1", "1.0", 1, 1.0, True, "0", "a|b", b"dog", "3")] == [
        1, 1, 1, 1, 1, 1, 3, 2, 1, 3,
    ]  # fmt: skip


def test_split_and_uri_go_with_every_label() -> None:
    reader = LabelReader(NAMES, ids_too=True, may_split=True)
    cells = {"given_label": "dog|cat", "split": "test"}
    assert reader.samples("k.jpg", "u", cells) == [
        Sample("k.jpg|dog", 1, "test", "u"),
        Sample("k.jpg|cat", 0, "test", "u"),
    ]


def test_several_labels_have_several_verdicts_or_none() -> None:
    assert read("dog|0", "1|", "|cat") == [("k|dog", 1, 1, -1), ("k|0", 3, 0, 0)]
    assert read(["dog", 0], [1, None], [None, None]) == [("k|dog", 1, 1, -1), ("k|cat", 0, -1, -1)]
    for nothing in (None, "", [], [None], math.nan):
        assert read("dog|cat", nothing, nothing) == [("k|dog", 1, -1, -1), ("k|cat", 0, -1, -1)]


def test_a_list_of_one_label_is_one_label() -> None:
    assert read(["dog"], [0], ["cat"]) == [("k", 1, 0, 0)]


def test_texts_are_split_only_where_they_may_be() -> None:
    with pytest.raises(BadRowError) as error:
        read("dog|cat", may_split=False)
    assert error.value.detail == "'dog|cat' is none of the 4 classes"


def test_a_correct_label_implies_the_verification_label() -> None:
    assert one("dog", "", "cat") == (1, 0, 0)
    assert one("dog", "-1", "dog")[:2] == (1, 1)
    assert one("dog", "0", "-2") == (1, 0, -2)
    assert one("dog", None, -2.0) == (1, 0, -2)
    assert one("dog", 1, -1) == (1, 1, -1)


BAD = {
    "unknown": (("cow",), "unknown class: 'cow' is none of the 4 classes"),
    "beyond": ((4,), "unknown class: 4 is beyond the last of 4 classes"),
    "negative": ((-1,), "unknown class: -1 is no class id (0, 1, ...)"),
    "half": ((0.5,), "unknown class: 0.5 is no class id (0, 1, ...)"),
    "infinite": ((math.inf,), "unknown class: inf is no class id (0, 1, ...)"),
    "long": ((10**400,), f"unknown class: 1{'0' * 39} is no class id (0, 1, ...)"),
    "empty": (("",), "unknown class: the cell is empty"),
    "blank": (("  ",), "unknown class: the cell is empty"),
    "none": ((None,), "unknown class: the cell is empty"),
    "nan": ((math.nan,), "unknown class: the cell is empty"),
    "no labels": (([],), "unknown class: the list is empty"),
    "record": (({"a": 1},), "unreadable cell: expected a text or a number, got {'a': 1}"),
    "nested": (([["dog"]],), "unreadable cell: expected a text or a number, got ['dog']"),
    "end": (("dog|",), "unknown class: the cell is empty"),
    "twice": (("dog|cat|1",), "duplicate label: 'dog' comes twice"),
    "verdict": (("dog", "2"), "bad verification label: expected 1, 0 or -1, got '2'"),
    "too few": (("dog|cat", "1"), "wrong number of verification_label values: expected 2, one a given label, got 1"),
    "too many": (("dog", "", "cat|dog"), "wrong number of correct_label values: expected 1, one a given label, got 2"),
    "correct": (("dog", "", "cow"), "unknown class: 'cow' is none of the 4 classes"),
    "contradiction": (
        ("dog", "1", "cat"),
        "contradicting labels: verification_label 1 and correct_label 0 for given label 1",
    ),
    "other contradiction": (
        ("dog", "0", "dog"),
        "contradicting labels: verification_label 0 and correct_label 1 for given label 1",
    ),
}


@pytest.mark.parametrize(("cells", "message"), BAD.values(), ids=BAD)
def test_bad_labels(cells: tuple[Any, ...], message: str) -> None:
    with pytest.raises(BadRowError) as error:
        read(*cells)
    assert f"{error.value.kind}: {error.value.detail}" == message


def test_where_labels_are_names_a_number_is_no_id() -> None:
    assert one("0", ids_too=False)[0] == one(0, ids_too=False)[0] == 3
    with pytest.raises(BadRowError):
        read("1", ids_too=False)
    with pytest.raises(BadRowError):
        read(1, ids_too=False)
