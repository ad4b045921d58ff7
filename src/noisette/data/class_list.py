"""Class lists: one name a line; a class id is its line number from 0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noisette.data.text_blocks import read_bytes
from noisette.errors import DataFileError
from noisette.files import atomic_open


def read_class_list(path: str | Path) -> tuple[str, ...]:
    """Read a class list: UTF-8, one name a line, any text without line breaks; the last line may lack its line end.

    Raises:
        DataFileError: the file is missing, empty, not UTF-8, or a name is blank or listed twice.
    """
    lines = read_bytes(path).replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    first_line: dict[str, int] = {}
    for number, raw in enumerate(lines, start=1):
        name = _decode(path, raw, number)
        if not name.strip():
            raise DataFileError(path, "blank line; a class list has one name a line", line=number)
        before = first_line.setdefault(name, number)
        if before != number:
            raise DataFileError(path, f"class {name!r} is on line {before} too; list a name once", line=number)
    return tuple(first_line)


def write_class_list(path: str | Path, class_names: Sequence[str]) -> None:
    """Write a class list that `read_class_list` reads back.

    Raises:
        DataFileError: a name is blank, listed twice, or holds a line break.
    """
    for number, name in enumerate(class_names, start=1):
        if not name.strip() or "\n" in name or "\r" in name:
            raise DataFileError(path, f"class name {name!r} must be one line of text and not blank", line=number)
    if len(set(class_names)) != len(class_names):
        raise DataFileError(path, "a class name is listed twice")
    with atomic_open(path) as file:
        file.writelines(f"{name}\n" for name in class_names)


def _decode(path: str | Path, raw: bytes, line: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataFileError(path, "invalid UTF-8; save the file as UTF-8", line=line) from error
