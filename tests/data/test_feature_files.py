from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisette.data import FeatureBatch, read_feature_file
from noisette.errors import DataFileError, InvalidInputError, TooManyBadRowsError
from noisette.types import BadRows

N, D = 23, 3
FEATURES = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
KEYS = [f"a b/{i}, {i}.jpg" for i in range(N)]
LABELS = np.arange(N) % 2
NAMES = ("cat", "dog")


def skipping() -> BadRows:
    return BadRows(on_error="skip", max_bad=1.0)


def numbers(separator: str) -> list[str]:
    """Write the features as text, one line a row."""
    return [separator.join(map(repr, map(float, row))) for row in FEATURES]


def write(path: Path, kind: str) -> Path:
    """Write the same table in one of the kinds of file."""
    path = path / f"x.{kind.split()[0]}"
    lists = pa.array(FEATURES.tolist(), pa.list_(pa.float32()))
    match kind:
        case "npy":
            np.save(path, FEATURES)
        case "npz":
            np.savez_compressed(path, features=FEATURES, key=np.array(KEYS), given_label=LABELS)
        case "npz fortran":
            np.savez(path, features=np.asfortranarray(FEATURES), keys=np.array(KEYS), labels=LABELS)
        case "csv":
            rows = (
                f'"{k}",{NAMES[y]},{",".join(map(repr, map(float, x)))}'
                for k, y, x in zip(KEYS, LABELS, FEATURES, strict=True)
            )
            path.write_text("key,label,f0,f1,f2\n" + "\n".join(rows), encoding="utf-8")
        case "csv bare":
            path.write_text("\n".join(numbers(",")), encoding="utf-8")
        case "tsv":
            rows = (
                "\t".join([*map(repr, map(float, x)), k, str(y)])
                for k, y, x in zip(KEYS, LABELS, FEATURES, strict=True)
            )
            path.write_text("a\tb\tc\tpath\tclass\n" + "\n".join(rows) + "\n", encoding="utf-8")
        case "parquet lists":
            pq.write_table(pa.table({"key": KEYS, "given_label": LABELS, "features": lists}), path)
        case "parquet fixed":
            half = pa.array(FEATURES.astype(np.float16).reshape(-1))
            fixed = pa.FixedSizeListArray.from_arrays(half, D)
            pq.write_table(pa.table({"key": KEYS, "class_name": [NAMES[y] for y in LABELS], "features": fixed}), path)
        case "parquet columns":
            columns = {f"f{i}": FEATURES[:, i] for i in range(D)}
            pq.write_table(pa.table({"f10": FEATURES[:, 0] * 0} | columns | {"key": KEYS, "label": LABELS}), path)
    return path


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
@pytest.mark.parametrize(
    "kind",
    ["npy", "npz", "npz fortran", "csv", "csv bare", "tsv", "parquet lists", "parquet fixed", "parquet columns"],
)
def test_every_kind_gives_the_same_rows(tmp_path: Path, kind: str, batch_size: int) -> None:
    path, bad = write(tmp_path, kind), BadRows()
    batches = list(read_feature_file(path, bad, class_names=NAMES, batch_size=batch_size))
    expected = FEATURES.astype(np.float16).astype(np.float32) if kind == "parquet fixed" else FEATURES
    if kind == "parquet columns":
        expected = np.column_stack([FEATURES, FEATURES[:, 0] * 0])  # f10 comes last, by its number
    got = np.concatenate([b.features for b in batches])
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)
    assert all(b.features.flags.writeable for b in batches)
    assert max(map(len, batches)) <= batch_size
    first_line = {"csv": 2, "tsv": 2}.get(kind, 1)
    assert [line for b in batches for line in b.lines] == list(range(first_line, first_line + N))
    bare = kind in ("npy", "csv bare")
    assert [key for b in batches for key in b.keys] == ([str(i) for i in range(N)] if bare else KEYS)
    labels = [label for b in batches if b.given_labels is not None for label in b.given_labels]
    assert labels == ([] if bare else LABELS.tolist())
    assert (bad.num_read, bad.num_bad) == (N, 0)


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    for part in range(2):
        rows = slice(part * 10, part * 10 + 10)
        table = pa.table({"split": ["val"] * 10, "key": KEYS[rows], "features": FEATURES[rows].tolist()})
        pq.write_table(table, tmp_path / f"part-0000{part}.parquet")
    batches = list(read_feature_file(tmp_path, BadRows()))
    assert [key for b in batches for key in b.keys] == KEYS[:20]
    assert {split for b in batches for split in b.splits or []} == {"val"}
    pq.write_table(
        pa.table({"split": ["val"], "key": KEYS[:1], "features": [[1.0, 2.0, 3.0]]}), tmp_path / "part-2.parquet"
    )
    with pytest.raises(
        TooManyBadRowsError, match=r"part-2\.parquet:1: duplicate key: .* on line 1 of part-00000\.parquet too"
    ):
        list(read_feature_file(tmp_path, BadRows()))


CSV_ROWS = {
    "blank": ("", "blank line"),
    "columns": ("k,cat,1,2", "wrong number of columns: expected 5, got 4"),
    "junk": ("k,cat,1,2,x", "junk number: feature 3 is 'x'"),
    "empty": ("k,cat,1,,3", "junk number: feature 2 is ''"),
    "nan": ("k,cat,1,2,nan", "NaN or infinite feature: feature 3 is nan"),
    "huge": ("k,cat,1,1e39,3", "NaN or infinite feature: feature 2 is 1e+39, too large for float32"),
    "class": ("k,cow,1,2,3", "unknown class: 'cow' is none of the 2 classes"),
    "id": ("k,2,1,2,3", "unknown class: '2' is none of the 2 classes"),
    "key": (",cat,1,2,3", "empty key"),
    "duplicate": ("k0,cat,1,2,3", "duplicate key: 'k0' is on line 2 too"),
    "quote": ('"k,cat,1,2,3', "broken quoting: unexpected end of data"),
    "utf8": (b"\xff,cat,1,2,3", "invalid UTF-8: byte 1 of the line; save the file as UTF-8"),
}


@pytest.mark.parametrize(("line", "message"), CSV_ROWS.values(), ids=CSV_ROWS)
def test_bad_csv_rows(tmp_path: Path, line: str | bytes, message: str) -> None:
    path, bad = tmp_path / "x.csv", skipping()
    raw = line.encode() if isinstance(line, str) else line
    path.write_bytes(b"key,given_label,f0,f1,f2\nk0,cat,1,2,3\n" + raw + b"\nk1,1,4,5,6\n")
    (batch,) = read_feature_file(path, bad, class_names=NAMES)
    assert [str(row) for row in bad.rows] == [f"{path}:3: {message}"]
    assert (batch.keys, batch.lines.tolist(), batch.features[:, 0].tolist()) == (["k0", "k1"], [2, 4], [1.0, 4.0])
    assert (bad.num_read, bad.num_bad) == (3, 1)


def read_arrays(tmp_path: Path, bad: BadRows, **columns: Any) -> list[FeatureBatch]:
    np.savez(tmp_path / "x.npz", **columns)
    return list(read_feature_file(tmp_path / "x.npz", bad, class_names=NAMES))


def test_bad_array_rows(tmp_path: Path) -> None:
    features = np.ones((7, 2))
    features[1, 1], features[2, 0], features[3, 1] = np.nan, np.inf, 1e60
    keys, labels = np.array(["a", "b", "c", "d", "a", "", "g"]), np.array([0, 0, 0, 0, 0, 0, 2])
    bad = skipping()
    (batch,) = read_arrays(tmp_path, bad, features=features, key=keys, given_label=labels)
    assert batch.keys == ["a"]
    assert [str(row).split(".npz:")[1] for row in bad.rows] == [
        "2: NaN or infinite feature: feature 2 is nan",
        "3: NaN or infinite feature: feature 1 is inf",
        "4: NaN or infinite feature: feature 2 is 1e+60, too large for float32",
        "5: duplicate key: 'a' is on line 1 too",
        "6: empty key",
        "7: unknown class: 2 is beyond the last of 2 classes",
    ]


def test_bad_parquet_rows(tmp_path: Path) -> None:
    vectors = [[1.0, 2.0], [1.0], None, [], [1.0, None], [3.0, 4.0], [5.0, 6.0]]
    labels = [0, 0, 0, 0, 0, None, 1]
    pq.write_table(
        pa.table({"key": list("abcdefg"), "given_label": labels, "features": vectors}), tmp_path / "x.parquet"
    )
    bad = skipping()
    (batch,) = read_feature_file(tmp_path / "x.parquet", bad)
    assert batch.features.tolist() == [[1, 2], [5, 6]]
    assert [(row.line, row.kind, row.detail) for row in bad.rows] == [
        (2, "wrong number of features", "expected 2, got 1"),
        (3, "wrong number of features", "there are none"),
        (4, "wrong number of features", "there are none"),
        (5, "NaN or infinite feature", "feature 2 is nan"),
        (6, "unknown class", "the cell is empty"),
    ]


def test_num_features_can_be_demanded(tmp_path: Path) -> None:
    path = write(tmp_path, "npy")
    with pytest.raises(TooManyBadRowsError, match=r"x\.npy:1: wrong number of features: expected 5, got 3"):
        list(read_feature_file(path, BadRows(), num_features=5))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", np.ones(3), r"features must be numbers of shape \(N, D\), got float64 of shape \(3,\)"),
        ("x.npy", np.ones((0, 3)), r"has no rows"),
        ("x.npy", np.array([[{}]], dtype=object), r"holds Python objects, which could run code when read"),
        ("x.npy", b"junk", r"is not a whole \.npy file"),
        ("x.npz", b"junk", r"is not a whole \.npz file"),
        ("x.parquet", b"junk", r"is not a whole Parquet file"),
        ("x.csv", b"key,f0\n", r"has a header and no rows"),
        ("x.csv", b"key,label\na,1\n", r"has no feature columns, only key, label"),
        ("x.csv", b"key,path,f0\na,b,1\n", r"columns 'key' and 'path' both mean key"),
        ("x.jpg", b"x", r"is no feature file by its name; expected \.npy"),
        ("x.csv", b"", r"is empty"),
    ],
)
def test_unusable_files(tmp_path: Path, name: str, content: Any, message: str) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=content.dtype.hasobject)
    with pytest.raises(DataFileError, match=message):
        list(read_feature_file(path, BadRows()))


def test_unusable_arguments(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="does not exist"):
        list(read_feature_file(tmp_path / "x.npy", BadRows()))
    with pytest.raises(DataFileError, match=r"has no \.parquet files"):
        list(read_feature_file(tmp_path, BadRows()))
    with pytest.raises(InvalidInputError, match="`batch_size` must be at least 1"):
        list(read_feature_file(tmp_path, BadRows(), batch_size=0))
    with pytest.raises(DataFileError, match=r"key must have shape \(3,\) like features, got \(2,\)"):
        read_arrays(tmp_path, BadRows(), features=np.ones((3, 2)), key=np.array(["a", "b"]))
    with pytest.raises(DataFileError, match=r"must hold one array named features \(N, D\), got a, b"):
        read_arrays(tmp_path, BadRows(), a=np.ones((3, 2)), b=np.ones((3, 2)))
    with pytest.raises(DataFileError, match=r"key holds Python objects"):
        read_arrays(tmp_path, BadRows(), features=np.ones((1, 2)), key=np.array(["a"], dtype=object))


def test_rows_of_no_features_are_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.empty((3, 0), dtype=np.float32))
    np.savez(tmp_path / "f.npz", features=np.empty((3, 0), dtype=np.float32))
    for name in ("f.npy", "f.npz"):
        with pytest.raises(DataFileError, match="has no features: every row is empty"):
            list(read_feature_file(tmp_path / name, BadRows()))


@pytest.mark.parametrize("column", [{"features": [["x"], ["y"]]}, {"f0": ["x", "y"]}])
def test_parquet_columns_of_text_are_no_features(tmp_path: Path, column: dict[str, Any]) -> None:
    pq.write_table(pa.table({"key": ["a", "b"], **column}), tmp_path / "f.parquet")
    with pytest.raises(DataFileError, match=r"column (features|f0) must hold (lists of )?numbers, got .*string"):
        list(read_feature_file(tmp_path / "f.parquet", BadRows()))
