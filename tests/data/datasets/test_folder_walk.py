import os
from pathlib import Path

import pytest

from noisette.data.datasets.folder_walk import check_folder, list_folder, walk_files
from noisette.errors import DataFileError
from noisette.types import BadRows


def make(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def walk(root: Path, folder: str = "") -> tuple[list[str], list[str], dict[str, int]]:
    bad = BadRows(on_error="skip", max_bad=1.0)
    files = list(walk_files(root, folder, bad))
    assert bad.num_read == bad.num_bad
    return files, [str(row).removeprefix(f"{root}/") for row in bad.rows], dict(bad.left_out)


def test_files_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = ["a/z", "a-b", "a.b", "a/b/c", "a0", "b/a-/x", "b/a/x", "é", "B"]
    make(tmp_path, *names)
    assert walk(tmp_path)[0] == sorted(names)
    assert walk(tmp_path, "b")[0] == ["b/a-/x", "b/a/x"]


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    make(tmp_path / "far", "x/1", "y")
    root = make(tmp_path / "root", "a/1")
    (root / "folder").symlink_to(tmp_path / "far")
    (root / "file").symlink_to(tmp_path / "far/y")
    assert walk(root) == (["a/1", "file", "folder/x/1", "folder/y"], [], {})


def test_a_folder_is_not_entered_from_within_itself(tmp_path: Path) -> None:
    make(tmp_path, "a/b/1", "c/1")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/root").symlink_to(tmp_path)
    (tmp_path / "a/here").symlink_to(".")
    (tmp_path / "a/self").symlink_to("self")
    (tmp_path / "c/other").symlink_to(tmp_path / "a/b")
    files, problems, _ = walk(tmp_path, "a")
    assert files == ["a/b/1"]
    assert problems == [
        "a/b/up: link to a folder that it is in",
        "a/here: link to a folder that it is in",
        "a/root: link to a folder that it is in",
        "a/self: broken link",
    ]
    files, problems, _ = walk(tmp_path, "c")
    assert files == ["c/1", "c/other/1"]
    assert problems == [
        "c/other/up/b: link to a folder that it is in",
        "c/other/up/here: link to a folder that it is in",
        "c/other/up/root: link to a folder that it is in",
        "c/other/up/self: broken link",
    ]


def test_what_is_no_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert walk(tmp_path) == ([], ["gone.jpg: broken link", "pipe.jpg: not a file"], {})


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, ".DS_Store", ".git/a/b", "a/._1.jpg", "a/Thumbs.db", "a/1.jpg", "__MACOSX/2.jpg")
    assert walk(tmp_path) == (["a/1.jpg"], [], {"hidden file": 3, "hidden folder": 2})


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/1", "b/2")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "a":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert walk(tmp_path) == (["b/2"], ["a: unreadable folder: Permission denied"], {})


def test_names_that_are_not_utf8_are_walked_and_printed(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    (folder / os.fsdecode(b"\xfe")).symlink_to("nowhere")
    files, problems, _ = walk(tmp_path)
    assert (files, problems) == ([], [r"\xff/\xfe: broken link"])


def test_the_entries_of_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "b/1", ".x")
    assert [(entry.path, entry.kind) for entry in list_folder(tmp_path)] == [(".x", "file"), ("b", "folder")]
    assert [entry.path for entry in list_folder(tmp_path, "b")] == ["b/1"]


def test_a_root_must_be_a_folder(tmp_path: Path) -> None:
    assert check_folder(str(tmp_path)) == tmp_path
    with pytest.raises(DataFileError, match=r"none: does not exist; check the path"):
        check_folder(tmp_path / "none")
    with pytest.raises(DataFileError, match=r"is a file; name the folder that holds the data set"):
        check_folder(make(tmp_path, "a") / "a")
