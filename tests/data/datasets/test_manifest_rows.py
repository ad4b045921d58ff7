from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisette.data.datasets.manifest_rows import is_text, iter_rows, manifest_files
from noisette.data.rows import BadRowError
from noisette.errors import DataFileError


def rows(path: Path, content: str | bytes | None = None) -> list[tuple[int, Any]]:
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [
        (line, f"{cells.kind}: {cells.detail}" if isinstance(cells, BadRowError) else tuple(cells.values()))
        for line, cells in iter_rows(path)
    ]


def test_lines_of_csv(tmp_path: Path) -> None:
    content = '\ufefflabel,caption,path\r\ndog,x,"a, b.jpg"\r\ncat,"say ""x""",c.jpg'
    assert rows(tmp_path / "m.csv", content) == [(2, ("dog", "a, b.jpg")), (3, ("cat", "c.jpg"))]


def test_cells_of_tsv_are_taken_as_they_are(tmp_path: Path) -> None:
    assert rows(tmp_path / "m.TSV", 'path\tlabel\n"a".jpg\t b\n') == [(2, ('"a".jpg', " b"))]


def test_lines_that_are_no_rows(tmp_path: Path) -> None:
    content = b'\npath,label\na.jpg,dog\n\nb.jpg\n"c.jpg,dog\n\xff.jpg,dog\nd.jpg,cat\n'
    assert rows(tmp_path / "m.csv", content) == [
        (1, "blank line: "),
        (3, ("a.jpg", "dog")),
        (4, "blank line: "),
        (5, "wrong number of columns: expected 2, got 1"),
        (6, "broken quoting: unexpected end of data; line breaks within quotes are not read"),
        (7, "invalid UTF-8: byte 1 of the line; save the file as UTF-8"),
        (8, ("d.jpg", "cat")),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.jpg,dog\nb.jpg,cat\n", r"m\.csv:1: must have a header row that names a path column"),
        ("path;label\na.jpg;dog\n", r"m\.csv:1: must have a header row .*; got path;label"),
        ("path,label\n", r"has a header and no rows"),
        ("\n \n", r"has only blank lines"),
        ("", r"is empty"),
        ("path,label\na.jpg,dog\n".encode("utf-16"), r"must begin with a header row, got invalid UTF-8"),
    ],
)
def test_text_files_that_are_no_manifest(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataFileError, match=message):
        rows(tmp_path / "m.csv", content)


def test_rows_of_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {
            "caption": ["x", "y"],
            "file": pa.array(["a.jpg", None]).dictionary_encode(),
            "labels": pa.array([["dog", "cat"], []]),
        }
    )
    pq.write_table(table, tmp_path / "m.parquet")
    assert rows(tmp_path / "m.parquet") == [(1, ("a.jpg", ["dog", "cat"])), (2, (None, []))]


def test_a_text_of_parquet_that_is_not_utf8_makes_its_row_bad(tmp_path: Path) -> None:
    paths = pa.array([b"a.jpg", b"\xff.jpg"]).view(pa.string())
    pq.write_table(pa.table({"path": paths, "label": [1, 2]}), tmp_path / "m.parquet")
    assert rows(tmp_path / "m.parquet") == [(1, ("a.jpg", 1)), (2, r"invalid UTF-8: b'\xff.jpg'")]


@pytest.mark.parametrize("column", [[1, 2], [{"path": "a"}] * 2])
def test_paths_of_parquet_must_be_text(tmp_path: Path, column: list[Any]) -> None:
    pq.write_table(pa.table({"image": column, "label": [1, 2]}), tmp_path / "m.parquet")
    with pytest.raises(DataFileError, match=r"column image must hold paths as text, got (int64|struct)"):
        rows(tmp_path / "m.parquet")


def test_parquet_files_that_are_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"is not a whole Parquet file"):
        rows(tmp_path / "m.parquet", "x")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "m.parquet")
    with pytest.raises(DataFileError, match=r"must have a path column .*; got x"):
        rows(tmp_path / "m.parquet")


def test_a_manifest_is_a_file_or_a_folder_of_parts(tmp_path: Path) -> None:
    for name in ("b.parquet", "a.parquet", "x.csv", "x.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert manifest_files(tmp_path) == [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    assert manifest_files(str(tmp_path / "x.csv")) == [tmp_path / "x.csv"]
    assert is_text(tmp_path / "x.csv")
    assert not is_text(tmp_path / "a.Parquet")
    (tmp_path / "empty").mkdir()
    for name, message in (("x.txt", "is no manifest by its name"), ("empty", "has no .parquet"), ("no", "not exist")):
        with pytest.raises(DataFileError, match=message):
            manifest_files(tmp_path / name)
