"""What the readers of published data sets share: list files line by line, and each picture once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from noisette.data.class_list import read_class_list
from noisette.data.datasets.file_names import is_usable
from noisette.data.key_register import Identity, KeyRegister
from noisette.data.rows import BadRowError, decode, whole_number
from noisette.data.text_blocks import iter_blocks
from noisette.errors import DataFileError
from noisette.types import BadRows

T = TypeVar("T")
Row = tuple[int, T]
"""1-based line, and what the line says"""

BATCH = 4096
"""Rows that are looked up at once."""


def require_files(root: Path, files: Iterable[Path], layout: str) -> None:
    """Check that a data set has its list files.

    Raises:
        DataFileError: some are missing; the message names all of them and the expected layout.
    """
    if not root.is_dir():
        raise DataFileError(root, f"is no folder; expected {layout}")
    missing = [file.relative_to(root).as_posix() for file in files if not file.is_file()]
    if missing:
        raise DataFileError(root, f"lacks {', '.join(missing)}; expected {layout}")


def read_names(path: Path, header: str = "") -> tuple[str, ...]:
    """Read a class list whose first line may be the word `header`."""
    names = read_class_list(path)
    if names[0] == header:
        names = names[1:]
    if not names:
        raise DataFileError(path, "names no class, it has a header only")
    return names


def iter_list(path: Path, bad_rows: BadRows, parse: Callable[[str], T], *, header: str = "") -> Iterator[Row[T]]:
    """Yield (1-based line, parsed line) of a list file, bad lines reported.

    Args:
        path: the file, UTF-8.
        bad_rows: takes lines that are blank, not UTF-8, or that `parse` refuses with `BadRowError`.
        parse: makes something of a line.
        header: first cell (what stands before the first tab) of a header, which copies of the file may lack.
    """
    for block in iter_blocks(path):
        for line, raw in block.lines():
            if line == 1 and header and raw.split(b"\t")[0].strip() == header.encode():
                continue
            bad_rows.read()
            try:
                parsed = parse(decode(raw))
            except BadRowError as error:
                bad_rows.add(path, line, error.kind, error.detail)
                continue
            yield line, parsed
    bad_rows.check(path)


def drop_duplicates(
    rows: Iterable[Row[T]], path: Path, bad_rows: BadRows, register: KeyRegister, identity: Callable[[T], Identity]
) -> Iterator[Row[T]]:
    """Yield the rows whose identity is new to `register`; the others are reported."""
    for batch in batched(rows):
        duplicates = register.add_rows([(identity(item),) for _, item in batch], [line for line, _ in batch])
        for at, (line, item) in enumerate(batch):
            if at in duplicates:
                bad_rows.add(path, line, duplicates[at].kind, duplicates[at].detail)
            else:
                yield line, item


def batched(rows: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yield lists of `size` rows; the last may be shorter."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def check_path(text: str) -> str:
    """Check that a path of a list stays below the folder it is relative to."""
    leaves = text.startswith("/") or (".." in text and ".." in text.split("/"))
    if leaves or not text.strip("./") or not is_usable(text):
        raise BadRowError("wrong path", f"{text!r} is no path below the data set's folder")
    return text


def split_label(text: str, class_names: Sequence[str]) -> tuple[str, int]:
    """Parse ``<path> <class id>``; the path may hold anything, so the line is cut at its last space."""
    path, space, label = text.strip().rpartition(" ")
    if not space:
        raise BadRowError("wrong form", f"expected '<path> <class id>', got {text!r}")
    number = whole_number(label)
    if number is None or not 0 <= number < len(class_names):
        raise BadRowError("unknown class", f"{label!r} is no class id from 0 to {len(class_names) - 1}")
    return check_path(path.rstrip()), number


def class_of_path(path: str, class_ids: dict[str, int]) -> int:
    """Give the class of ``<class>/<name>``."""
    name, slash, rest = path.partition("/")
    if not slash or not rest:
        raise BadRowError("wrong form", f"expected '<class>/<picture>', got {path!r}")
    if name not in class_ids:
        raise BadRowError("unknown class", f"{name!r} of {path!r} is none of the {len(class_ids)} classes")
    return class_ids[name]
