from pathlib import Path

import pytest

from noisette.data.datasets.list_files import (
    batched,
    check_path,
    class_of_path,
    drop_duplicates,
    iter_list,
    read_names,
    require_files,
    split_label,
)
from noisette.data.key_register import KeyRegister
from noisette.data.rows import BadRowError
from noisette.errors import DataFileError, TooManyBadRowsError
from noisette.types import BadRows
from tests.data.datasets.trees import problems, skipping


def test_lines_come_with_their_numbers_and_bad_ones_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfname\tmore\r\n a \r\n\n\xff\nno\nlast")
    bad = skipping()

    def parse(text: str) -> str:
        if text == "no":
            raise BadRowError("wrong form", "told so")
        return text

    assert list(iter_list(path, bad, parse, header="name")) == [(2, " a "), (6, "last")]
    assert problems(bad) == ["a.txt:3: blank line", "a.txt:4: invalid UTF-8", "a.txt:5: wrong form"]
    assert bad.num_read == 5
    assert [text for _, text in iter_list(path, skipping(), str)] == ["name\tmore", " a ", "no", "last"]


def test_too_many_bad_lines_are_told_at_the_end_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\nx\n", encoding="utf-8")
    with pytest.raises(TooManyBadRowsError, match="1 of 2 rows are bad"):
        list(iter_list(path, BadRows(on_error="skip", max_bad=0.1, grace=2), str))


@pytest.mark.parametrize("size", [1, 2, 5, 10000])
def test_duplicates_are_found_wherever_they_stand(tmp_path: Path, size: int) -> None:
    names = [f"k{number}" for number in range(size)]
    rows = list(enumerate([*names, names[0], "new", names[-1]], start=1))
    bad = skipping()
    kept = list(drop_duplicates(rows, tmp_path / "l.txt", bad, KeyRegister(), str))
    assert kept == [*enumerate(names, start=1), (size + 2, "new")]
    assert problems(bad) == [f"l.txt:{size + 1}: duplicate key", f"l.txt:{size + 3}: duplicate key"]
    assert bad.rows[0].detail == "'k0' is on line 1 too"


def test_batches_are_all_there_is() -> None:
    assert list(batched(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batched([], 2)) == []


def test_missing_files_are_named_together_with_the_layout(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    require_files(tmp_path, [tmp_path / "a"], "it")
    with pytest.raises(DataFileError, match=r"lacks b, c/d; expected a, b and c/d$"):
        require_files(tmp_path, [tmp_path / name for name in ("a", "b", "c/d")], "a, b and c/d")
    with pytest.raises(DataFileError, match=r"is no folder; expected it"):
        require_files(tmp_path / "a", [tmp_path / "a" / "b"], "it")


def test_a_header_is_no_class(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(b"class_name\nb\na")
    assert read_names(path, header="class_name") == ("b", "a")
    assert read_names(path) == ("class_name", "b", "a")
    path.write_bytes(b"class_name\n")
    with pytest.raises(DataFileError, match="names no class"):
        read_names(path, header="class_name")


@pytest.mark.parametrize("path", ["", ".", "/etc/x.jpg", "../x.jpg", "a/../../x.jpg", "a\0b.jpg"])
def test_paths_that_leave_the_folder_are_refused(path: str) -> None:
    with pytest.raises(BadRowError, match="wrong path"):
        check_path(path)


def test_labels_are_cut_off_at_the_right() -> None:
    assert split_label("images/7/3, 4.jpg 1", "ab") == ("images/7/3, 4.jpg", 1)
    for text, kind in (
        ("x.jpg", "wrong form"),
        ("x.jpg 2", "unknown class"),
        ("x.jpg -1", "unknown class"),
        ("x.jpg a", "unknown class"),
        ("../x.jpg 1", "wrong path"),
    ):
        with pytest.raises(BadRowError, match=kind):
            split_label(text, "ab")


def test_the_class_of_a_path() -> None:
    assert class_of_path("pie/a/b.jpg", {"pie": 3}) == 3
    for text, kind in (("pie.jpg", "wrong form"), ("pie/", "wrong form"), ("pies/a.jpg", "unknown class")):
        with pytest.raises(BadRowError, match=kind):
            class_of_path(text, {"pie": 3})
