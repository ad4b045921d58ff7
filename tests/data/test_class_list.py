from pathlib import Path

import pytest

from noisette.data import read_class_list, write_class_list
from noisette.errors import DataFileError


@pytest.mark.parametrize("content", [b"apple pie\nb\nc", b"apple pie\nb\nc\n", b"\xef\xbb\xbfapple pie\r\nb\r\nc\r\n"])
def test_names_in_order_of_their_ids(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    assert read_class_list(tmp_path / "classes.txt") == ("apple pie", "b", "c")


def test_any_text_survives_a_round_trip(tmp_path: Path) -> None:
    names = ("Pâté, en croûte", " leading", "a\tb", '"quoted"', "名前", "0")
    write_class_list(tmp_path / "classes.txt", names)
    assert read_class_list(tmp_path / "classes.txt") == names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n\nb\n", r"classes\.txt:2: blank line; a class list has one name a line$"),
        (b"a\nb\na\n", r"classes\.txt:3: class 'a' is on line 1 too; list a name once$"),
        (b"a\n\xff\n", r"classes\.txt:2: invalid UTF-8; save the file as UTF-8$"),
        (b"\n", r"classes\.txt:1: blank line"),
        (b"", r"classes\.txt: is empty$"),
    ],
    ids=["blank", "duplicate", "utf8", "only a line end", "empty"],
)
def test_bad_lists_are_named_with_their_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(DataFileError, match=message):
        read_class_list(tmp_path / "classes.txt")


@pytest.mark.parametrize("names", [["a", "a"], [""], ["a\nb"], [" "]])
def test_names_that_could_not_be_read_back_are_not_written(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(DataFileError, match=r"listed twice|one line of text"):
        write_class_list(tmp_path / "classes.txt", names)
    assert not (tmp_path / "classes.txt").exists()
