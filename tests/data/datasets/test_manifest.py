from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisette.data.datasets import manifest, manifest_rows
from noisette.data.datasets.manifest import read_manifest
from noisette.data.images import read_image
from noisette.errors import DataFileError, TooManyBadRowsError
from noisette.types import BadRows, Sample
from tests.data.datasets.tar_shards import write_tar


def read(
    path: Path, content: str | bytes | None = None, names: Sequence[str] | None = None, root: Path | None = None
) -> tuple[tuple[str, ...], list[Sample], list[str]]:
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    bad = BadRows(on_error="skip", max_bad=1.0)
    found = read_manifest(path, bad, class_names=names, root=root)
    assert found.root == (root or path.parent)
    samples = list(found.samples)
    return found.class_names, samples, [f"{row.line}: {row.kind}: {row.detail}" for row in bad.rows]


def test_a_manifest_of_paths_and_names(tmp_path: Path) -> None:
    names, samples, problems = read(
        tmp_path / "m.csv",
        "\ufeffurl,file_name,label,split,verification_label,correct_label\r\n"
        'x,"a, b.jpg",dog,,1,\r\n'
        "x,sub/c.jpg,cat,val,,dog\r\n"
        "x,sub/c.jpg,cat,testing,-1,-1\r\n"
        "x,d.jpg,dog,extra,0,-2",
    )
    assert names == ("cat", "dog")
    assert samples == [
        Sample("a, b.jpg", 1, "train", "a, b.jpg", 1, -1),
        Sample("sub/c.jpg", 0, "validation", "sub/c.jpg", 0, 1),
        Sample("sub/c.jpg", 0, "test", "sub/c.jpg", -1, -1),
        Sample("d.jpg", 1, "extra", "d.jpg", 0, -2),
    ]
    assert problems == []


def test_ids_make_classes_called_by_their_numbers(tmp_path: Path) -> None:
    names, samples, problems = read(tmp_path / "m.tsv", "path\tclass\na.jpg\t3\nb.jpg\t0.0\nc.jpg\t2x\n")
    assert names == ("0", "1", "2", "3")
    assert [one.given_label for one in samples] == [3, 0]
    assert problems == ["4: unknown class: '2x' is none of the 4 classes"]


def test_a_class_list_settles_ids_and_names(tmp_path: Path) -> None:
    content = "path,label\na.jpg,dog\nb.jpg,1\nc.jpg,cow\n"
    names, samples, problems = read(tmp_path / "m.csv", content, ["dog", "cat"])
    assert (names, [one.given_label for one in samples]) == (("dog", "cat"), [0, 1])
    assert problems == ["4: unknown class: 'cow' is none of the 2 classes"]


def test_a_class_that_only_a_correct_label_names_is_a_class(tmp_path: Path) -> None:
    names, samples, _ = read(tmp_path / "m.csv", "path,label,correct_label\na.jpg,dog,ant\nb.jpg,dog,-2\n")
    assert names == ("ant", "dog")
    assert [(one.given_label, one.correct_label) for one in samples] == [(1, 0), (1, -2)]


def test_several_labels_in_a_text_cell(tmp_path: Path) -> None:
    content = "path,label,verification_label,correct_label\na.jpg,dog|cat,1|0,|cow\nb.jpg,cat,,\nc.jpg,dog|cat,,\n"
    names, samples, problems = read(tmp_path / "m.csv", content)
    assert (names, problems) == (("cat", "cow", "dog"), [])
    assert samples == [
        Sample("a.jpg|dog", 2, "train", "a.jpg", 1, -1),
        Sample("a.jpg|cat", 0, "train", "a.jpg", 0, 1),
        Sample("b.jpg", 0, "train", "b.jpg"),
        Sample("c.jpg|dog", 2, "train", "c.jpg"),
        Sample("c.jpg|cat", 0, "train", "c.jpg"),
    ]


def test_a_class_with_a_bar_in_its_name_is_taken_whole(tmp_path: Path) -> None:
    _, samples, _ = read(tmp_path / "m.csv", "path,label\na.jpg,dog|cat\nb.jpg,cat|dog\n", ["dog|cat", "dog", "cat"])
    assert [(one.key, one.given_label) for one in samples] == [("a.jpg", 0), ("b.jpg|cat", 2), ("b.jpg|dog", 1)]


def test_list_columns_of_parquet(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
        "label": [["dog", "cat"], ["a|b"], [], None],
        "verification_label": [[1, None], None, None, None],
    }
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    names, samples, problems = read(tmp_path / "m.parquet")
    assert names == ("a|b", "cat", "dog")
    assert samples == [
        Sample("a.jpg|dog", 2, "train", "a.jpg", 1),
        Sample("a.jpg|cat", 1, "train", "a.jpg", -1),
        Sample("b.jpg", 0, "train", "b.jpg"),
    ]
    assert problems == ["3: unknown class: the list is empty", "4: unknown class: the cell is empty"]


def test_a_folder_of_parquet_parts_is_one_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, paths in {"0": ["a.jpg", "b.jpg"], "1": [], "2": ["c.jpg", "a.jpg"]}.items():
        table = pa.table({"path": pa.array(paths, pa.string()), "label": pa.array([5.0] * len(paths), pa.float64())})
        pq.write_table(table, folder / f"{name}.parquet")
    bad = BadRows(on_error="skip", max_bad=1.0)
    found = read_manifest(folder, bad)
    assert [one.uri for one in found.samples] == ["a.jpg", "b.jpg", "c.jpg"]
    assert (found.root, found.class_names) == (folder, tuple("012345"))
    expected = "2.parquet:2: duplicate key: 'a.jpg' in split 'train' is on line 1 of 0.parquet too"
    assert [str(row) for row in bad.rows] == [f"{folder}/{expected}"]


def test_too_many_bad_rows_stop_the_reader(tmp_path: Path) -> None:
    for name, paths in {"0": [""], "1": ["a.jpg", "b.jpg"]}.items():
        pq.write_table(pa.table({"path": paths, "label": [0] * len(paths)}), tmp_path / f"{name}.parquet")
    few = BadRows(on_error="skip", max_bad=0.1, grace=3)
    with pytest.raises(TooManyBadRowsError, match=r"1\.parquet: 1 of 3 rows are bad.*'empty path'"):
        list(read_manifest(tmp_path, few).samples)


def test_a_table_of_ours_is_read_after_cleaning(tmp_path: Path) -> None:
    header = "path,original_label,label,sample_weight,label_quality,split"
    names, samples, problems = read(
        tmp_path / "m.csv", f"{header}\na.jpg,dog,cat,1.0,0.5,train\nb.jpg,cow,dog,1.0,,val\n"
    )
    assert (names, problems) == (("cat", "dog"), [])
    assert [(one.given_label, one.verification_label, one.split) for one in samples] == [
        (0, -1, "train"),
        (1, -1, "validation"),
    ]


def test_a_table_that_holds_pictures_names_the_way_to_read_it(tmp_path: Path) -> None:
    pictures = pa.array([{"bytes": b"x", "path": "a.jpg"}])
    pq.write_table(pa.table({"image": pictures, "label": [0], "original_label": [1]}), tmp_path / "m.parquet")
    with pytest.raises(
        DataFileError, match=r"pictures themselves in column image.*save_to_disk.*--dataset huggingface"
    ):
        read(tmp_path / "m.parquet")


def test_members_of_shards_are_read_in_place(tmp_path: Path) -> None:
    write_tar(tmp_path / "0.tar", {"a.jpg": b"one", "b.jpg": b"two"})
    names, samples, problems = read(
        tmp_path / "m.csv", "shard,member,label\n0.tar,b.jpg,dog\n0.tar,c.jpg,dog\n1.tar,a.jpg,dog\n"
    )
    assert [one.key for one in samples] == ["0.tar/b.jpg"]
    assert read_image(tmp_path, samples[0].uri) == b"two"
    assert names == ("dog",)
    assert problems == [
        "3: no such member: 'c.jpg' is not in '0.tar'",
        "4: unreadable shard: '1.tar' does not exist; check the path",
    ]


def test_the_root_is_another_folder_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    content = f"path,label\n{tmp_path}/far/a.jpg,1\nb.jpg,1\n"
    _, samples, _ = read(tmp_path / "m.csv", content, root=tmp_path / "far")
    assert [one.uri for one in samples] == ["a.jpg", "b.jpg"]
    with pytest.raises(DataFileError, match=r"none: does not exist"):
        read(tmp_path / "m.csv", root=tmp_path / "none")


BAD_LINES = {
    "blank": ("", "blank line: "),
    "columns": ("k.jpg,dog", "wrong number of columns: expected 5, got 2"),
    "class": ("k.jpg,cow,,,", "unknown class: 'cow' is none of the 2 classes"),
    "id": ("k.jpg,2,,,", "unknown class: '2' is none of the 2 classes"),
    "no class": ("k.jpg,,,,", "unknown class: the cell is empty"),
    "path": (",dog,,,", "empty path: "),
    "verdict": ("k.jpg,dog,2,,", "bad verification label: expected 1, 0 or -1, got '2'"),
    "contradiction": (
        "k.jpg,dog,1,cat,",
        "contradicting labels: verification_label 1 and correct_label 0 for given label 1",
    ),
    "number": ("k.jpg,dog|cat,1,,", "wrong number of verification_label values: expected 2, one a given label, got 1"),
    "duplicate": ("./first.jpg,cat,,,train", "duplicate key: 'first.jpg' in split 'train' is on line 2 too"),
    "utf8": (b"\xff.jpg,dog,,,", "invalid UTF-8: byte 1 of the line; save the file as UTF-8"),
    "split": ("k.jpg,dog,,,a\tb", "unusable split: 'a\\tb'"),
}


@pytest.mark.parametrize(("line", "message"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_lines_are_reported_and_the_others_kept(tmp_path: Path, line: str | bytes, message: str) -> None:
    raw = line.encode() if isinstance(line, str) else line
    content = b"path,label,verification_label,correct_label,split\nfirst.jpg,dog,1,,\n" + raw + b"\nlast.jpg,cat,,,"
    _, samples, problems = read(tmp_path / "m.csv", content, ["cat", "dog"])
    assert [one.key for one in samples] == ["first.jpg", "last.jpg"]
    assert problems == [f"3: {message}"]
    with pytest.raises(TooManyBadRowsError, match=r"m\.csv:3: "):
        list(read_manifest(tmp_path / "m.csv", BadRows(), class_names=["cat", "dog"]).samples)


def test_a_bad_row_is_reported_once_though_the_file_is_read_twice(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label\na.jpg,dog\nb.jpg\n", encoding="utf-8")
    bad = BadRows(on_error="skip", max_bad=1.0)
    samples = read_manifest(tmp_path / "m.csv", bad).samples
    assert (bad.num_read, bad.num_bad) == (0, 0)
    assert len(list(samples)) == 1
    assert (bad.num_read, bad.num_bad) == (2, 1)


def test_a_manifest_without_a_good_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"gives no samples \(1 of 1 rows skipped: 1 unknown class\)"):
        read(tmp_path / "m.csv", "path,label\na.jpg,\n")
    pq.write_table(
        pa.table({"path": pa.array([], pa.string()), "label": pa.array([], pa.int64())}), tmp_path / "m.parquet"
    )
    with pytest.raises(DataFileError, match=r"gives no samples \(no bad rows\)"):
        read(tmp_path / "m.parquet")


def test_rows_are_read_as_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.csv").write_text("path,label\n" + "".join(f"{n}.jpg,dog\n" for n in range(20_000)), encoding="utf-8")
    taken = 0

    def counted(path: Path) -> Any:
        nonlocal taken
        for row in manifest_rows.iter_rows(path):
            taken += 1
            yield row

    monkeypatch.setattr(manifest, "iter_rows", counted)
    samples = read_manifest(tmp_path / "m.csv", BadRows(), class_names=["dog"]).samples
    assert taken == 0
    next(samples)
    assert taken < 5_000
    assert sum(1 for _ in samples) == 19_999
