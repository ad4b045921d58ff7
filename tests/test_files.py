from pathlib import Path

import pytest

from noisette.files import atomic_folder, atomic_open, atomic_path, recover_folder


def test_text_has_unix_line_ends_and_utf8(tmp_path: Path) -> None:
    with atomic_open(tmp_path / "deep" / "names.txt") as file:
        file.write("crème\nbrûlée\n")
    assert (tmp_path / "deep" / "names.txt").read_bytes() == "crème\nbrûlée\n".encode()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("ne")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_write_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.txt.partial").write_text("half of it, and longer")
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with atomic_folder(tmp_path / "f") as folder:
            (folder / f"{text}.txt").write_text(text)
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["second.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "f") as folder:
        (folder / "old.txt").write_text("old")

    def write_half() -> None:
        with atomic_folder(tmp_path / "f") as folder:
            (folder / "new.txt").write_text("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["old.txt"]


def test_killed_between_the_two_renames(tmp_path: Path) -> None:
    (tmp_path / "f.old").mkdir()
    (tmp_path / "f.old" / "a.txt").write_text("old")
    recover_folder(tmp_path / "f")
    assert (tmp_path / "f" / "a.txt").read_text() == "old"


def test_killed_before_the_old_folder_was_removed(tmp_path: Path) -> None:
    for name in ("f", "f.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    recover_folder(tmp_path / "f")
    assert (tmp_path / "f" / "a.txt").read_text() == "f"
    assert not (tmp_path / "f.old").exists()
