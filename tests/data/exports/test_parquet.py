from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from noisette.data.exports import ExportSamples, arrow_rows, shards
from tests.data.exports.conftest import CLASS_NAMES, pixels_of, write

datasets = pytest.importorskip("datasets")


def test_datasets_reads_pictures_and_class_names(samples: ExportSamples, tmp_path: Path) -> None:
    write(samples, "parquet", tmp_path / "out")
    (tmp_path / "out" / "classes.txt").write_text("zebra\n")
    (tmp_path / "out" / "noisette-export.json").write_text("{}")
    for where in (("parquet", str(tmp_path / "out")), (str(tmp_path / "out"), None)):
        found = datasets.load_dataset(where[0], data_dir=where[1], cache_dir=str(tmp_path / "cache"))
        assert {split: table.num_rows for split, table in found.items()} == {"train": 6, "test": 2}
        train = found["train"]
        assert isinstance(train.features["image"], datasets.Image)
        assert train.features["label"].names == list(CLASS_NAMES)
        assert train["label"][:] == [0, 0, 0, 2, 3, 0]
        assert train["original_label"][:] == [0, 0, 1, 2, 3, 0]
        assert train["label_quality"][:] == [0.5, 1.0, 0.1, None, 0.25, 0.5]
        assert train["sample_weight"][:] == [0.5, 1.0, 0.9, 1.0, 0.25, 0.5]
        assert train["key"][-1] == "shard.tar/one.jpg"
        np.testing.assert_array_equal(np.asarray(train[2]["image"]), pixels_of(3))
        assert found["test"][1]["image"].format == "PNG"  # raw pixels


def test_no_column_but_label_is_called_like_one_to_train_on(samples: ExportSamples, tmp_path: Path) -> None:
    write(samples, "parquet", tmp_path / "out")
    names = pq.read_schema(tmp_path / "out" / "train-00000-of-00001.parquet").names
    assert names == ["image", "label", "key", "original_label", "label_quality", "sample_weight"]


def test_row_groups_and_shards_are_bounded(
    samples: ExportSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_rows, "BATCH_ROWS", 2)
    monkeypatch.setattr(shards, "SHARD_SAMPLES", 4)
    write(samples, "parquet", tmp_path / "rows")
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == [
        "test-00000-of-00001.parquet",
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ]
    groups = pq.read_metadata(tmp_path / "rows" / "train-00000-of-00002.parquet")
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [2, 2]
    monkeypatch.setattr(arrow_rows, "BATCH_BYTES", 1)
    monkeypatch.setattr(shards, "SHARD_BYTES", 250)
    write(samples, "parquet", tmp_path / "bytes")
    groups = pq.read_metadata(tmp_path / "bytes" / "train-00000-of-00003.parquet")
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [1, 1]
