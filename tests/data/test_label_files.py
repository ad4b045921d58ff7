from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisette.data import LabelTable, read_label_file, write_label_file
from noisette.errors import DataFileError, ShapeError, TooManyBadRowsError
from noisette.types import BadRows

NAMES = ("apple pie", "b", "7")


def skipping() -> BadRows:
    return BadRows(on_error="skip", max_bad=1.0)


def read(
    path: Path, content: str | bytes, bad: BadRows | None = None, names: tuple[str, ...] | None = NAMES
) -> LabelTable:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_label_file(path, bad or BadRows(), names)


def ints(values: np.ndarray | None) -> list[int]:
    assert values is not None
    assert values.dtype == np.int64
    found: list[int] = values.tolist()
    return found


@pytest.mark.parametrize("header", ["", "class_name/key\tverification_label\n", "key\tverification_label\n"])
def test_food101n_style_file_with_and_without_header(tmp_path: Path, header: str) -> None:
    table = read(tmp_path / "v.tsv", f"{header}apple_pie/0.jpg\t1\nb/1.jpg\t0\nb/2.jpg\t-1")
    assert table.keys == ("apple_pie/0.jpg", "b/1.jpg", "b/2.jpg")
    assert ints(table.verification_labels) == [1, 0, -1]
    assert ints(table.rows) == [0, 1, 2]
    assert ints(table.lines) == ([2, 3, 4] if header else [1, 2, 3])
    assert (table.given_labels, table.splits, table.class_names) == (None, None, None)


def test_every_column_in_any_order(tmp_path: Path) -> None:
    table = read(
        tmp_path / "v.csv",
        "reviewer,correct_label,class,split,verification_label,key,url\n"
        'ann,b,apple pie,val,0.0,"a, b.jpg",x\n'
        "bob,-2,2,train,,c.jpg,x\n"
        ",,b,train,1,d.jpg,x\n",
    )
    assert (table.keys, table.splits) == (("a, b.jpg", "c.jpg", "d.jpg"), ("val", "train", "train"))
    assert table.reviewers == ("ann", "bob", "")
    assert ints(table.given_labels) == [0, 2, 1]
    assert ints(table.verification_labels) == [0, -1, 1]
    assert ints(table.correct_labels) == [1, -2, -1]
    assert table.ignored == ("url",)


def test_a_name_wins_over_an_id_that_reads_the_same(tmp_path: Path) -> None:
    assert ints(read(tmp_path / "v.csv", "key,label\na,7\nb,1\n").given_labels) == [2, 1]


def test_names_found_in_the_file_become_the_class_list(tmp_path: Path) -> None:
    table = read(tmp_path / "v.csv", "key,label,correct_label\na,dog,-1\nb,cat,dog\nc,dog,-2\n", names=None)
    assert table.class_names == ("cat", "dog")
    assert ints(table.given_labels) == [1, 0, 1]
    assert ints(table.correct_labels) == [-1, 1, -2]


def test_one_junk_cell_among_ids_does_not_make_names_of_them(tmp_path: Path) -> None:
    bad = skipping()
    table = read(tmp_path / "v.csv", "key,label\na,10\nb,2\nc,2x\nd,3.0\n", bad, names=None)
    assert table.class_names is None
    assert ints(table.given_labels) == [10, 2, 3]
    assert [row.line for row in bad.rows] == [4]


@pytest.mark.parametrize("column", ["given_label", "verification_label", "correct_label"])
def test_one_column_holds_what_it_is_said_to_hold(tmp_path: Path, column: str) -> None:
    np.save(tmp_path / "y.npy", np.array([1, 0, 1]))
    (tmp_path / "y.txt").write_text("1\n0\n1\n", encoding="utf-8")
    pq.write_table(pa.table({"x": [1, 0, 1]}), tmp_path / "y.parquet")
    for name in ("y.npy", "y.txt", "y.parquet"):
        table = read_label_file(tmp_path / name, BadRows(), NAMES, column=column)  # type: ignore[arg-type]
        assert ints(getattr(table, f"{column}s")) == [1, 0, 1]
        assert table.keys is None


def test_names_with_spaces_one_a_line(tmp_path: Path) -> None:
    assert ints(read(tmp_path / "y.txt", "apple pie\nb\n").given_labels) == [0, 1]


def test_rows_keep_their_place_when_one_is_bad(tmp_path: Path) -> None:
    bad = skipping()
    table = read(tmp_path / "y.txt", "b\ncow\nb\n", bad)
    assert (ints(table.rows), ints(table.lines)) == ([0, 2], [1, 3])


BAD_LINES = {
    "blank": ("", "blank line"),
    "columns": ("k,1", "wrong number of columns: expected 3, got 2"),
    "class": ("k,cow,1", "unknown class: 'cow' is none of the 3 classes"),
    "beyond": ("k,3,1", "unknown class: '3' is none of the 3 classes"),
    "no class": ("k,,1", "unknown class: the cell is empty"),
    "verdict": ("k,b,2", "bad verification label: expected 1, 0 or -1, got '2'"),
    "half": ("k,b,0.5", "bad verification label: expected 1, 0 or -1, got '0.5'"),
    "key": (",b,1", "empty key"),
    "duplicate": ("k0,b,0", "duplicate key: 'k0' is on line 2 too"),
    "utf8": (b"\xffk,b,1", "invalid UTF-8: byte 1 of the line; save the file as UTF-8"),
    "quote": ('"k,b,1', "broken quoting: unexpected end of data"),
}


@pytest.mark.parametrize(("line", "message"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_rows(tmp_path: Path, line: str | bytes, message: str) -> None:
    raw = line.encode() if isinstance(line, str) else line
    content = b"key,given_label,verification_label\r\nk0,b,1\r\n" + raw + b"\r\nk9,7,0"
    path, bad = tmp_path / "v.csv", skipping()
    table = read(path, content, bad)
    assert [str(row) for row in bad.rows] == [f"{path}:3: {message}"]
    assert (table.keys, ints(table.rows), ints(table.lines)) == (("k0", "k9"), [0, 2], [2, 4])
    assert (bad.num_read, bad.num_bad) == (3, 1)
    with pytest.raises(TooManyBadRowsError, match=r"v\.csv:3: "):
        read(path, content)


def test_the_same_key_in_two_splits_is_two_samples(tmp_path: Path) -> None:
    content = "split,key,verification_label\ntrain,k,1\nval,k,0\ntrain,k,0\n"
    bad = skipping()
    assert ints(read(tmp_path / "v.csv", content, bad).verification_labels) == [1, 0]
    assert [(row.line, row.detail) for row in bad.rows] == [(4, "'k' in split 'train' is on line 2 too")]


def test_missing_cells_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"key": ["a", "b"], "verification_label": [1.0, None], "correct_label": [None, 2]})
    pq.write_table(table, tmp_path / "v.parquet")
    found = read_label_file(tmp_path / "v.parquet", BadRows(), NAMES)
    assert (ints(found.verification_labels), ints(found.correct_labels)) == ([1, -1], [-1, 2])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.csv", b"k,cat\n", r"v\.csv:1: has no header, so it must have two columns"),
        ("v.csv", b"a,b,1\n", r"v\.csv:1: has no header"),
        ("v.csv", b"key,url\na,b\n", r"has none of the columns given_label, verification_label, correct_label"),
        ("v.csv", b"label,class\n1,2\n", r"columns 'label' and 'class' both mean given_label"),
        ("v.jpg", b"x", r"is no label file by its name"),
        ("v.npy", b"x", r"is not a whole \.npy file"),
        ("v.parquet", b"x", r"is not a Parquet file"),
        ("v.tsv", b"", r"is empty"),
    ],
)
def test_unusable_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(DataFileError, match=message):
        read(tmp_path / name, content)
    with pytest.raises(DataFileError, match="does not exist"):
        read_label_file(tmp_path / "none.csv", BadRows())


@pytest.mark.parametrize("name", ["o.csv", "o.tsv", "o.parquet"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    texts = {"key": ['a, "b"', "é\\"], "split": ["train", "val"], "reviewer": ["", "x"]}
    write_label_file(tmp_path / name, {**texts, "verification_label": np.array([1, -1])})
    table = read_label_file(tmp_path / name, BadRows(), NAMES)
    assert (table.keys, table.splits, table.reviewers) == (('a, "b"', "é\\"), ("train", "val"), ("", "x"))
    assert ints(table.verification_labels) == [1, -1]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"equally long, got key 2, split 1"):
        write_label_file(tmp_path / "o.csv", {"key": ["a", "b"], "split": ["x"]})
    with pytest.raises(DataFileError, match=r"a TSV cannot hold 'a\\tb'; write a \.csv"):
        write_label_file(tmp_path / "o.tsv", {"key": ["a\tb"]})
    with pytest.raises(DataFileError, match=r"name a \.csv, \.tsv or \.parquet file"):
        write_label_file(tmp_path / "o.xls", {"key": ["a"]})
    assert list(tmp_path.iterdir()) == []


def test_how_a_sample_was_drawn_and_how_long_its_decision_took(tmp_path: Path) -> None:
    table = read(
        tmp_path / "v.csv",
        "key,verification_label,Queue,inclusion_probability,seconds\na,1,audit,0.1,2.5\nb,0,,1,0\nc,1,plan,,\n",
    )
    assert table.queues == ("audit", "", "plan")
    assert table.inclusion_probabilities is not None
    assert table.seconds is not None
    np.testing.assert_array_equal(table.inclusion_probabilities, [0.1, 1, np.nan])
    np.testing.assert_array_equal(table.seconds, [2.5, 0, np.nan])


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("inclusion_probability", "0", "bad inclusion probability: expected a number above 0 and up to 1, got '0'"),
        ("inclusion_probability", "1.01", "bad inclusion probability: expected a number above 0 and up to 1"),
        ("inclusion_probability", "-.5", "bad inclusion probability: expected a number above 0 and up to 1"),
        ("inclusion_probability", "nan", "bad inclusion probability: expected a number above 0 and up to 1, got 'nan'"),
        ("inclusion_probability", "10%", "bad inclusion probability: expected a number above 0 and up to 1, got '10%'"),
        ("seconds", "-1", "bad seconds: expected a number from 0 on, got '-1'"),
        ("seconds", "inf", "bad seconds: expected a number from 0 on, got 'inf'"),
        ("seconds", "1_0", "bad seconds: expected a number from 0 on, got '1_0'"),
        ("seconds", "soon", "bad seconds: expected a number from 0 on, got 'soon'"),
    ],
)
def test_bad_probabilities_and_seconds_are_named_by_line(tmp_path: Path, column: str, cell: str, problem: str) -> None:
    bad = skipping()
    table = read(tmp_path / "v.csv", f"key,verification_label,{column}\na,1,0.5\nb,1,{cell}\n", bad)
    assert table.keys == ("a",)
    assert str(bad.rows[0]).partition("v.csv:")[2].startswith(f"3: {problem}")


def test_a_parquet_file_with_empty_cells_that_have_a_type(tmp_path: Path) -> None:
    empty = pa.array([None, None], pa.int64())
    chances = pa.array([0.25, None], pa.float64())
    columns = {"key": ["a", "b"], "verification_label": empty, "inclusion_probability": chances}
    write_label_file(tmp_path / "v.parquet", columns)
    assert pq.read_schema(tmp_path / "v.parquet").field("verification_label").type == pa.int64()
    table = read_label_file(tmp_path / "v.parquet", BadRows(), NAMES)
    assert ints(table.verification_labels) == [-1, -1]
    assert table.inclusion_probabilities is not None
    np.testing.assert_array_equal(table.inclusion_probabilities, [0.25, np.nan])
    write_label_file(tmp_path / "v.csv", columns)
    assert (tmp_path / "v.csv").read_text().splitlines()[1:] == ["a,,0.25", "b,,"]
