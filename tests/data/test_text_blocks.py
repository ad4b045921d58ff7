from pathlib import Path

import pytest

from noisette.data.text_blocks import TextBlock, check_file, iter_blocks, read_bytes
from noisette.errors import DataFileError


@pytest.mark.parametrize("block_bytes", [1, 2, 5, 1000])
def test_blocks_hold_whole_lines_with_their_numbers(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\ntwo and a half\nlast")
    found = [pair for block in iter_blocks(path, block_bytes) for pair in block.lines()]
    assert found == [(1, b"one"), (2, b""), (3, b"two and a half"), (4, b"last")]


def test_block_counts_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\nb\nc\n")
    assert [(b.first_line, b.num_lines) for b in iter_blocks(path)] == [(1, 3)]


def test_unusable_files_are_named(tmp_path: Path) -> None:
    empty, mark = tmp_path / "empty.txt", tmp_path / "mark.txt"
    empty.write_bytes(b"")
    mark.write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(DataFileError, match=r"empty\.txt: is empty"):
        list(iter_blocks(empty))
    with pytest.raises(DataFileError, match=r"mark\.txt: is empty"):
        list(iter_blocks(mark))
    with pytest.raises(DataFileError, match=r"mark\.txt: is empty"):
        read_bytes(mark)
    with pytest.raises(DataFileError, match=r"none\.txt: does not exist; check the path"):
        list(iter_blocks(tmp_path / "none.txt"))
    with pytest.raises(DataFileError, match=r"is a folder; name a file"):
        check_file(tmp_path)


@pytest.mark.parametrize("content", [b"a\nb\n", b"a\n" * 7, b"\n\n", b"a\n" + b"b" * 50 + b"\n", b"a" * 50 + b"\nb\n"])
def test_halves_are_the_whole(content: bytes) -> None:
    block = TextBlock(content, 5, content.count(b"\n"))
    first, second = block.halves()
    assert first.data + second.data == content
    assert first.num_lines >= 1
    assert second.num_lines >= 1
    assert [*first.lines(), *second.lines()] == list(block.lines())
