import math

import pytest

from noisette.data.datasets.cells import cell_text, several
from noisette.data.rows import BadRowError


def test_cells_as_text() -> None:
    cells = ["a", " ", 3, 3.0, True, None, math.nan, b"\xc3\xa9"]
    assert [cell_text(cell) for cell in cells] == ["a", " ", "3", "3.0", "1", "", "", "é"]


@pytest.mark.parametrize(
    ("cell", "kind"), [(b"\xff", "invalid UTF-8"), ({"a": 1}, "unreadable cell"), (["a"], "unreadable cell")]
)
def test_what_is_neither_text_nor_number_is_refused(cell: object, kind: str) -> None:
    with pytest.raises(BadRowError) as error:
        cell_text(cell)
    assert error.value.kind == kind


def test_several_labels_in_one_cell() -> None:
    assert several(["a", "b|c"], may_split=True) == ["a", "b|c"]
    assert several([]) == []
    assert several("a|b") == ["a|b"]
    assert several("a|b|", may_split=True) == ["a", "b", ""]
    assert several("a|b", {"a|b": 0}, may_split=True) == ["a|b"]
    assert several("a", may_split=True) == ["a"]
    assert several(None, may_split=True) == [None]
    assert several(3, may_split=True) == [3]
