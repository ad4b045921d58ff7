from pathlib import Path

import pytest

from noisette.errors import DataFileError
from noisette.store import file_hash, folder_hash, read_about, write_about


def test_what_is_written_beside_an_artifact_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "scores" / "x.parquet"
    assert read_about(path) is None
    write_about(path, {"b": [1, 2.5, None], "a": {"é": True}})
    assert read_about(path) == {"a": {"é": True}, "b": [1, 2.5, None]}
    assert [file.name for file in path.parent.iterdir()] == ["x.parquet.about.json"]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    write_about(tmp_path / "a", {"x": 1, "y": 2})
    write_about(tmp_path / "b", {"y": 2, "x": 1})
    assert (tmp_path / "a.about.json").read_bytes() == (tmp_path / "b.about.json").read_bytes()


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]"])
def test_damaged_provenance_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.about.json").write_bytes(content)
    with pytest.raises(DataFileError, match=r"a\.about\.json: .*delete it and run the step again"):
        read_about(tmp_path / "a")


def test_hashes_follow_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    before = file_hash(tmp_path / "a")
    assert len(before) == 32
    (tmp_path / "a").write_bytes(b"x" * 2_999_999 + b"y")
    assert file_hash(tmp_path / "a") != before
    with pytest.raises(DataFileError, match=r"none: cannot be read"):
        file_hash(tmp_path / "none")


def test_folder_hash_takes_names_and_contents_but_no_by_products(tmp_path: Path) -> None:
    (tmp_path / "t" / "sub").mkdir(parents=True)
    (tmp_path / "t" / "sub" / "a").write_bytes(b"1")
    before = folder_hash(tmp_path / "t")
    for name in ("x.about.json", "0123.take.npy", "part.partial"):
        (tmp_path / "t" / name).write_bytes(b"2")
    assert folder_hash(tmp_path / "t") == before
    (tmp_path / "t" / "sub" / "a").rename(tmp_path / "t" / "a")
    assert folder_hash(tmp_path / "t") != before
    with pytest.raises(DataFileError, match="is not a folder"):
        folder_hash(tmp_path / "none")
