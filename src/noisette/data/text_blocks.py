"""Text files in blocks of whole lines, so that a file of any size is read with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noisette.errors import DataFileError

BLOCK_BYTES = 8 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class TextBlock:
    """Whole lines of a file, each ending in a line feed (or carriage return and line feed).

    Attributes:
        data: the bytes.
        first_line: 1-based number of the first line.
        num_lines: how many lines.
    """

    data: bytes
    first_line: int
    num_lines: int

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield (1-based number, line without its end)."""
        for number, raw in enumerate(self.data[:-1].split(b"\n"), start=self.first_line):
            yield number, raw.removesuffix(b"\r")

    def halves(self) -> tuple[TextBlock, TextBlock]:
        """Cut a block of two or more lines in two, near the middle of its bytes."""
        cut = self.data.find(b"\n", len(self.data) // 2 - 1, len(self.data) - 1) + 1
        cut = cut or self.data.rfind(b"\n", 0, len(self.data) - 1) + 1
        first = self.data[:cut].count(b"\n")
        return (
            TextBlock(self.data[:cut], self.first_line, first),
            TextBlock(self.data[cut:], self.first_line + first, self.num_lines - first),
        )


def check_file(path: str | Path, *, may_be_folder: bool = False) -> Path:
    """Check that `path` is a file with something in it.

    Raises:
        DataFileError: it is missing, empty, or a folder.
    """
    path = Path(path)
    if may_be_folder and path.is_dir():
        return path
    if path.is_dir():
        raise DataFileError(path, "is a folder; name a file")
    if not path.exists():
        raise DataFileError(path, "does not exist; check the path")
    if path.stat().st_size == 0:
        raise DataFileError(path, "is empty")
    return path


def read_bytes(path: str | Path) -> bytes:
    """Read a small text file whole, without its byte order mark."""
    data = check_file(path).read_bytes().removeprefix(_BOM)
    if not data:
        raise DataFileError(path, "is empty")
    return data


def iter_blocks(path: str | Path, block_bytes: int = BLOCK_BYTES) -> Iterator[TextBlock]:
    """Yield the file in blocks of about `block_bytes`, cut at line ends; a byte order mark is taken off.

    A last line without a line feed gets one. A line longer than a block makes its block longer.

    Raises:
        DataFileError: the file is missing, empty, or a folder.
    """
    line = 1
    with check_file(path).open("rb") as file:
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
        rest: list[bytes] = []
        while chunk := file.read(block_bytes):
            cut = chunk.rfind(b"\n") + 1
            if not cut:
                rest.append(chunk)
                continue
            data = b"".join([*rest, chunk[:cut]])
            rest = [chunk[cut:]] if cut < len(chunk) else []
            yield TextBlock(data, line, data.count(b"\n"))
            line += data.count(b"\n")
        if rest:
            yield TextBlock(b"".join(rest) + b"\n", line, 1)
        elif line == 1:
            raise DataFileError(path, "is empty")
