import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisette.errors import DataFileError, InvalidInputError, ShapeError
from noisette.store import ParquetTable, finished_rows, part_writer, read_manifest, take_cache, write_feature_table
from noisette.types import FeatureTable

N, D = 95, 5
FEATURES = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
KEYS = [f"images/{i}.jpg" for i in range(N)]
SPLITS = ["train"] * 60 + ["val"] * 35
META = {"backbone": "réseau", "weights": "abc"}

Batch = tuple[list[str], list[str], np.ndarray]


def batches(size: int, start: int = 0) -> Iterator[Batch]:
    for low in range(start, N, size):
        rows = slice(low, low + size)
        yield SPLITS[rows], KEYS[rows], FEATURES[rows]


def write(folder: Path, size: int = 10, **options: Any) -> Path:
    settings: dict[str, Any] = {"metadata": META, "rows_per_part": 30} | options
    write_feature_table(folder, batches(size), **settings)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_writer, "row_group_rows", lambda _num_features: 8)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("batch_size", [1, 7, 30, 31, 1000])
def test_rows_are_read_back_in_order(tmp_path: Path, dtype: str, batch_size: int) -> None:
    table = ParquetTable(write(tmp_path, dtype=dtype), class_names=["a", "b"])
    expected = FEATURES.astype(dtype).astype(np.float32)
    blocks = list(table.iter_batches(batch_size))
    assert {len(block) for block in blocks[:-1]} <= {batch_size}
    assert all(block.dtype == np.float32 for block in blocks)
    assert all(block.flags.writeable for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), expected)
    keyed = list(table.iter_keyed_batches(batch_size))
    assert [key for keys, _ in keyed for key in keys] == KEYS
    np.testing.assert_array_equal(np.concatenate([block for _, block in keyed]), expected)


def test_the_table_knows_itself(tmp_path: Path) -> None:
    table = ParquetTable(write(tmp_path), class_names=["a", "b"])
    assert isinstance(table, FeatureTable)
    assert (table.num_rows, table.num_features, table.class_names) == (N, D, ("a", "b"))
    assert (table.read_keys(), table.read_splits(), table.metadata) == (KEYS, SPLITS, META)
    assert [(part.name, part.rows) for part in read_manifest(tmp_path).parts] == [
        ("part-00000.parquet", 30), ("part-00001.parquet", 30), ("part-00002.parquet", 30), ("part-00003.parquet", 5),
    ]  # fmt: skip


@pytest.mark.usefixtures("small_groups")
def test_the_same_rows_give_the_same_bytes_however_they_are_cut(tmp_path: Path) -> None:
    once, other = write(tmp_path / "a", size=1), write(tmp_path / "b", size=64)
    assert content(once) == content(other)
    assert ParquetTable(once).content_hash == ParquetTable(other).content_hash


def test_features_are_stored_as_designed(tmp_path: Path) -> None:
    write(tmp_path, dtype="float16")
    schema = pq.read_schema(tmp_path / "part-00000.parquet")
    assert schema.names == ["split", "key", "features"]
    assert schema.field("features").type.list_size == D
    assert schema.field("features").type.value_type == pa.float16()
    column = pq.read_metadata(tmp_path / "part-00000.parquet").row_group(0).column(2)
    assert column.compression == "ZSTD"
    assert "BYTE_STREAM_SPLIT" in column.encodings
    assert not column.has_dictionary_page


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("how", ["cache", "second call", "read-only"])
def test_take_gives_rows_in_the_order_asked(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_cache, "_ROWS_AT_ONCE", 2)
    table = ParquetTable(write(tmp_path, dtype="float16"))
    rows = np.array([94, 0, 31, 31, 7, 60])
    if how == "second call":
        table.take(rows)
        monkeypatch.setattr(take_cache, "_write", lambda *_: pytest.fail("the cache is there already"))
    if how == "read-only":
        monkeypatch.setattr(take_cache, "_write", _read_only)
    got = ParquetTable(tmp_path).take(rows)
    np.testing.assert_array_equal(got, FEATURES.astype(np.float16).astype(np.float32)[rows])
    assert got.dtype == np.float32
    assert ParquetTable(tmp_path).take(np.array([], dtype=np.int64)).shape == (0, D)
    assert len(list(tmp_path.glob("*.take.npy"))) == (how != "read-only")


def _read_only(*_: object) -> None:
    raise PermissionError("the folder is read-only")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes to read-only folders too")
def test_take_in_a_folder_that_is_really_read_only(tmp_path: Path) -> None:
    write(tmp_path).chmod(0o555)
    try:
        np.testing.assert_array_equal(ParquetTable(tmp_path).take(np.array([3])), FEATURES[[3]])
    finally:
        tmp_path.chmod(0o755)


def test_take_rows_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"`rows` must lie in 0\.\.94, got -1\.\.95"):
        ParquetTable(write(tmp_path)).take(np.array([-1, 95]))


def test_a_damaged_or_outdated_cache_is_not_used(tmp_path: Path) -> None:
    ParquetTable(write(tmp_path)).take(np.array([0]))
    (cache,) = tmp_path.glob("*.take.npy")
    cache.write_bytes(cache.read_bytes()[:50])
    np.testing.assert_array_equal(ParquetTable(tmp_path).take(np.array([4])), FEATURES[[4]])
    write_feature_table(tmp_path, [(SPLITS, KEYS, FEATURES + 1)])
    np.testing.assert_array_equal(ParquetTable(tmp_path).take(np.array([4])), FEATURES[[4]] + 1)
    assert len(list(tmp_path.glob("*.take.npy"))) == 1


class Killed(Exception):
    pass


def interrupted(size: int, after: int) -> Iterator[Batch]:
    for number, batch in enumerate(batches(size)):
        if number == after:
            raise Killed
        yield batch


@pytest.mark.parametrize("resume", [False, True])
def test_a_killed_run_leaves_whole_parts_and_ends_in_the_same_bytes(tmp_path: Path, resume: bool) -> None:
    undisturbed = content(write(tmp_path / "a"))
    folder = tmp_path / "b"
    with pytest.raises(Killed):
        write_feature_table(folder, interrupted(10, after=8), metadata=META, rows_per_part=30)
    assert sorted(content(folder)) == ["part-00000.parquet", "part-00001.parquet"]
    with pytest.raises(DataFileError, match=r"is not a complete feature table \(no manifest\.json\)"):
        ParquetTable(folder)
    done = finished_rows(folder, dtype="float32", metadata=META, rows_per_part=30)
    assert done == 60
    start = done if resume else 0
    write_feature_table(folder, batches(7, start), metadata=META, rows_per_part=30, skip_rows=start)
    assert content(folder) == undisturbed


def test_an_old_table_is_not_taken_for_the_new_one_that_was_killed(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(Killed):
        write_feature_table(tmp_path, interrupted(10, after=8), rows_per_part=30)
    with pytest.raises(DataFileError, match="is not a complete feature table"):
        ParquetTable(tmp_path)


def test_what_killed_processes_left_is_cleared_away(tmp_path: Path) -> None:
    undisturbed = content(write(tmp_path / "a"))
    (tmp_path / "b").mkdir()
    for name in ("part-00001.parquet", "part-00009.parquet", "manifest.json", "0123.take.npy"):
        (tmp_path / "b" / f"{name}.partial").write_bytes(b"half")
    assert content(write(tmp_path / "b")) == undisturbed


def test_parts_of_other_settings_do_not_count_as_finished(tmp_path: Path) -> None:
    write(tmp_path)
    assert finished_rows(tmp_path, dtype="float32", metadata=META, rows_per_part=30) == 90
    assert finished_rows(tmp_path, dtype="float16", metadata=META, rows_per_part=30) == 0
    assert finished_rows(tmp_path, dtype="float32", metadata={}, rows_per_part=30) == 0
    assert finished_rows(tmp_path / "none", dtype="float32") == 0
    with pytest.raises(DataFileError, match=r"part-00000\.parquet: is not a finished part of these settings"):
        write_feature_table(tmp_path, batches(10, 30), rows_per_part=30, skip_rows=30)


def test_a_shorter_table_replaces_a_longer_one_whole(tmp_path: Path) -> None:
    write(tmp_path)
    write_feature_table(tmp_path, [(SPLITS[:3], KEYS[:3], FEATURES[:3])])
    assert sorted(content(tmp_path)) == ["manifest.json", "part-00000.parquet"]
    assert ParquetTable(tmp_path).num_rows == 3


def test_no_rows_at_all(tmp_path: Path) -> None:
    write_feature_table(tmp_path, [])
    table = ParquetTable(tmp_path)
    assert (table.num_rows, list(table.iter_batches(10)), table.read_keys(), table.read_splits()) == (0, [], [], [])
    assert table.take(np.array([], dtype=np.int64)).shape == (0, 0)


def test_a_single_file_is_a_table(tmp_path: Path) -> None:
    write(tmp_path / "t", rows_per_part=1000)
    path = tmp_path / "x.parquet"
    (tmp_path / "t" / "part-00000.parquet").rename(path)
    table = ParquetTable(path)
    assert (table.num_rows, table.num_features, table.metadata) == (N, D, META)
    np.testing.assert_array_equal(table.take(np.array([9, 2])), FEATURES[[9, 2]])
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(FEATURES[:2].reshape(-1)), D)
    pq.write_table(pa.table({"key": ["a", "b"], "features": fixed}), path)
    table = ParquetTable(path)
    assert (table.read_splits(), table.metadata) == (["train", "train"], {})
    np.testing.assert_array_equal(table.take(np.array([1])), FEATURES[[1]])


def test_batches_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"B splits, B keys and \(B, D\) features, got 1, 2 and \(2, 5\)"):
        write_feature_table(tmp_path, [(["a"], ["a", "b"], FEATURES[:2])])
    with pytest.raises(ShapeError, match=r"every batch must have 5 features a row, got 4"):
        write_feature_table(tmp_path, [(["a"], ["a"], FEATURES[:1]), (["a"], ["b"], FEATURES[:1, :4])])
    with pytest.raises(InvalidInputError, match=r"beyond float16 \(65,504\)"):
        write_feature_table(tmp_path, [(["a"], ["a"], np.full((1, 2), 1e5, np.float32))], dtype="float16")
    with pytest.raises(InvalidInputError, match=r'`dtype` must be "float16" or "float32", got \'float64\''):
        write_feature_table(tmp_path, [], dtype="float64")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r"`skip_rows` must be whole parts of 30 rows, got 31"):
        write_feature_table(tmp_path, [], rows_per_part=30, skip_rows=31)
    with pytest.raises(InvalidInputError, match=r"`batch_size` must be at least 1, got 0"):
        next(ParquetTable(write(tmp_path)).iter_batches(0))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "manifest.json").write_bytes(b"{"), r"manifest\.json: is damaged"),
        (lambda f: (f / "manifest.json").write_bytes(b'{"format": 9}'), r"another version of noisette"),
        (lambda f: (f / "part-00001.parquet").unlink(), r"part-00001\.parquet: does not exist"),
        (lambda f: (f / "part-00001.parquet").write_bytes(b"junk"), r"part-00001\.parquet: is not a Parquet file"),
        (lambda f: (f / "part-00003.parquet").replace(f / "part-00000.parquet"), r"does not exist"),
        (lambda f: pq.write_table(pa.table({"a": [1]}), f / "part-00000.parquet"), r"is not a feature table"),
    ],
)
def test_damaged_tables_are_named(tmp_path: Path, damage: Any, message: str) -> None:
    damage(write(tmp_path))
    with pytest.raises(DataFileError, match=message):
        ParquetTable(tmp_path)


def test_a_table_of_no_features_is_refused(tmp_path: Path) -> None:
    # Parquet writers divide by the width: without this the process dies of it.
    with pytest.raises(ShapeError, match="at least one feature a row"):
        write_feature_table(tmp_path, [(["train"], ["a"], np.empty((1, 0), dtype=np.float32))])
