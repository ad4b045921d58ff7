from pathlib import Path

import pytest

from noisette.data import read_held_out_list
from noisette.errors import DataFileError, UnknownClassError

CLASSES = ("apple pie", "bun", "a\tb")


def held_out(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "held_out.txt"
    path.write_text(text, encoding="utf-8")
    return read_held_out_list(path, CLASSES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bun", ("bun",)),
        ("bun\napple pie\nbun\n", ("bun", "apple pie")),
        ("apple pie\t1\nbun\t0\n", ("bun",)),
        ("class_name\tkeep\napple pie\t0\nbun\t1", ("apple pie",)),
        ("\ufeffbun\r\n\r\n", ("bun",)),
        ("a\tb\n", ("a\tb",)),
    ],
)
def test_both_forms(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    assert held_out(tmp_path, text) == expected


def test_an_unknown_class_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UnknownClassError, match=r"held_out.txt:2: 'bunn' is none of the 3 classes"):
        held_out(tmp_path, "bun\nbunn\n")
    with pytest.raises(UnknownClassError, match=r"held_out.txt:1: 'bunn' is none of the 3 classes"):
        held_out(tmp_path, "bunn\t0\n")


def test_nothing_to_hold_out(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="names no class to hold out"):
        held_out(tmp_path, "bun\t1\n")
    with pytest.raises(DataFileError, match="cannot be read"):
        read_held_out_list(tmp_path / "absent.txt", CLASSES)
