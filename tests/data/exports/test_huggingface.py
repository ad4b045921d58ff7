from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from noisette.data.datasets import read_huggingface
from noisette.data.exports import ExportSamples, arrow_rows, shards
from noisette.types import BadRows
from tests.data.exports.conftest import CLASS_NAMES, pixels_of, write
from tests.data.exports.readers import labels_read, labels_written

datasets = pytest.importorskip("datasets")


def test_load_from_disk_opens_it(samples: ExportSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_rows, "BATCH_ROWS", 3)
    monkeypatch.setattr(shards, "SHARD_SAMPLES", 5)
    write(samples, "huggingface", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "train").iterdir()) == [
        "data-00000-of-00002.arrow",
        "data-00001-of-00002.arrow",
        "dataset_info.json",
        "state.json",
    ]
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert {split: table.num_rows for split, table in found.items()} == {"train": 6, "test": 2}
    train = found["train"]
    assert train.split == "train"
    assert isinstance(train.features["image"], datasets.Image)
    assert train.features["label"].names == list(CLASS_NAMES)
    assert train["label"][:] == [0, 0, 0, 2, 3, 0]
    assert train["original_label"][:] == [0, 0, 1, 2, 3, 0]
    assert train["label_quality"][:] == [0.5, 1.0, 0.1, None, 0.25, 0.5]
    assert train["sample_weight"][:] == [0.5, 1.0, 0.9, 1.0, 0.25, 0.5]
    assert train["key"][:] == [samples.keys[row] for row in samples.splits["train"]]
    np.testing.assert_array_equal(np.asarray(train[2]["image"]), pixels_of(3))
    assert train.filter(lambda row: row["label"] == 2, num_proc=None, load_from_cache_file=False).num_rows == 1


def test_our_own_reader_reads_the_final_labels(samples: ExportSamples, tmp_path: Path) -> None:
    write(samples, "huggingface", tmp_path / "out")
    assert labels_read(read_huggingface(tmp_path / "out", BadRows(on_error="stop"))) == labels_written(samples)


def test_what_is_written_is_what_the_package_would_write(samples: ExportSamples, tmp_path: Path) -> None:
    write(samples, "huggingface", tmp_path / "out")
    found = datasets.load_from_disk(str(tmp_path / "out"))
    found.save_to_disk(str(tmp_path / "theirs"))
    again = datasets.load_from_disk(str(tmp_path / "theirs"))
    assert again["train"].features == found["train"].features
    assert again["train"].features.arrow_schema == arrow_rows.schema(samples).with_metadata(
        again["train"].features.arrow_schema.metadata
    )


def test_the_package_is_not_needed_to_write(
    samples: ExportSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "datasets", None)
    write(samples, "huggingface", tmp_path / "out")
    assert (tmp_path / "out" / "dataset_dict.json").is_file()
