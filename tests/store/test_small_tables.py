from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisette.errors import DataFileError, InvalidInputError, ShapeError
from noisette.store import read_samples, read_table, read_table_metadata, write_samples, write_table
from noisette.types import SampleTable

COLUMNS = {
    "key": ["a/b.jpg", "", "é"],
    "given_label": np.array([0, 1, -1], dtype=np.int32),
    "score": np.array([0.1, np.nan, -np.inf]),
    "sample_weight": np.array([1, 0, 2], dtype=np.float32),
    "is_label_issue": np.array([True, False, True]),
}


def test_columns_come_back_with_their_types(tmp_path: Path) -> None:
    write_table(tmp_path / "s.parquet", COLUMNS, {"verifier": "naïve"})
    found = read_table(tmp_path / "s.parquet")
    assert list(found) == list(COLUMNS)
    for name, values in COLUMNS.items():
        if isinstance(values, np.ndarray):
            assert isinstance(found[name], np.ndarray)
            assert found[name].dtype == values.dtype  # type: ignore[union-attr]
        np.testing.assert_array_equal(found[name], values)
    assert list(read_table(tmp_path / "s.parquet", ["score", "key"])) == ["score", "key"]
    assert read_table_metadata(tmp_path / "s.parquet") == {"verifier": "naïve"}


def test_the_same_columns_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    write_table(tmp_path / "a.parquet", COLUMNS, {"x": "1", "y": "2"})
    write_table(tmp_path / "elsewhere" / "b.parquet", COLUMNS, {"y": "2", "x": "1"})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "elsewhere" / "b.parquet").read_bytes()


def test_empty_columns(tmp_path: Path) -> None:
    write_table(tmp_path / "s.parquet", {"key": [], "score": np.empty(0)})
    found = read_table(tmp_path / "s.parquet")
    assert (found["key"], len(found["score"])) == ([], 0)


def test_columns_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    with pytest.raises(ShapeError, match=r"columns must be equally long, got key 1, score 2"):
        write_table(path, {"key": ["a"], "score": np.zeros(2)})
    with pytest.raises(ShapeError, match=r"column `score` must have one dimension, got shape \(2, 2\)"):
        write_table(path, {"score": np.zeros((2, 2))})
    with pytest.raises(InvalidInputError, match=r"column `x` must hold text, or be an array of numbers"):
        write_table(path, {"x": [1, 2]})
    assert not path.exists()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    with pytest.raises(DataFileError, match="does not exist; run the step that writes it"):
        read_table(path)
    path.write_bytes(b"junk")
    with pytest.raises(DataFileError, match="is not a Parquet file"):
        read_table(path)
    with pytest.raises(DataFileError, match="is not a Parquet file"):
        read_table_metadata(path)
    pq.write_table(pa.table({"a": [1, None]}), path)
    with pytest.raises(DataFileError, match=r"has no column b; it has a"):
        read_table(path, ["a", "b"])
    with pytest.raises(DataFileError, match="column a has 1 empty cells"):
        read_table(path)


def test_samples(tmp_path: Path) -> None:
    samples = SampleTable(["train", "val"], ["k", "k"], ["", "images/k.jpg"], np.array([4, 0]))
    write_samples(tmp_path / "samples.parquet", samples)
    assert pq.read_schema(tmp_path / "samples.parquet").field("given_label").type == pa.int32()
    found = read_samples(tmp_path / "samples.parquet")
    assert (found.splits, found.keys, found.uris) == (samples.splits, samples.keys, samples.uris)
    assert found.given_labels.dtype == np.int64
    assert found.given_labels.tolist() == [4, 0]
    assert found.positions() == {("train", "k"): 0, ("val", "k"): 1}


def test_samples_need_an_identity_and_equal_lengths(tmp_path: Path) -> None:
    twice = SampleTable(["train"] * 2, ["k"] * 2, [""] * 2, np.array([0, 1]))
    with pytest.raises(InvalidInputError, match="key 'k' appears twice in split 'train'"):
        write_samples(tmp_path / "samples.parquet", twice)
    with pytest.raises(ShapeError, match=r"got lengths \(1, 1, 0, 1\)"):
        SampleTable(["train"], ["k"], [], np.array([0]))
    write_table(tmp_path / "x.parquet", {name: ["a"] for name in ("split", "key", "uri", "given_label")})
    with pytest.raises(DataFileError, match="numbers in given_label"):
        read_samples(tmp_path / "x.parquet")
