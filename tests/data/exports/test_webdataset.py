from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisette.data.exports import ExportSamples, shards
from noisette.data.images import read_image
from noisette.types import BadRows
from tests.data.exports.conftest import CLASS_NAMES, pixels_of, write
from tests.data.exports.readers import labels_read, labels_written


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def test_a_sample_is_a_picture_a_class_and_the_rest(samples: ExportSamples, tmp_path: Path) -> None:
    write(samples, "webdataset", tmp_path / "out")
    found = members(tmp_path / "out" / "train-000000.tar")
    assert list(found)[:4] == ["000000000.png", "000000000.cls", "000000000.json", "000000001.png"]
    assert found["000000002.cls"] == b"0"
    assert json.loads(found["000000002.json"]) == {
        "key": "Apple/1.png",
        "split": "train",
        "label": 0,
        "class_name": "zebra",
        "original_label": 1,
        "label_quality": 0.1,
        "sample_weight": 0.9,
    }
    assert json.loads(found["000000003.json"])["label_quality"] is None
    assert "000000005.jpg" in found
    with Image.open(io.BytesIO(found["000000002.png"])) as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels_of(3))


def test_headers_hold_nothing_of_the_hour_or_the_user(samples: ExportSamples, tmp_path: Path) -> None:
    write(samples, "webdataset", tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as archive:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in archive} == {(0, 0, 0, "", "", 0o644)}


def test_shards_are_bounded_and_numbers_go_on(
    samples: ExportSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_SAMPLES", 4)
    write(samples, "webdataset", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["test-000000.tar", "train-000000.tar", "train-000001.tar"]
    assert next(iter(members(tmp_path / "out" / "train-000001.tar"))) == "000000004.png"


def test_our_own_reader_reads_it_back(samples: ExportSamples, tmp_path: Path) -> None:
    from noisette.data.datasets.webdataset import read_webdataset

    write(samples, "webdataset", tmp_path / "out")
    bad_rows = BadRows(on_error="stop")
    found = read_webdataset(tmp_path / "out", bad_rows, class_names=CLASS_NAMES)
    read = sorted(found.samples, key=lambda sample: (sample.split, sample.key), reverse=True)
    labels = {split: [s.given_label for s in read if s.split == split][::-1] for split in ("train", "test")}
    assert labels == {split: samples.labels[rows].tolist() for split, rows in samples.splits.items()}
    for label_field in (None, "label"):
        again = read_webdataset(tmp_path / "out", bad_rows, class_names=CLASS_NAMES, label_field=label_field)
        assert labels_read(again) == labels_written(samples)
    first = next(sample for sample in read if sample.key.endswith("train-000000.tar/000000000.png"))
    assert read_image(tmp_path / "out", first.uri) == (samples.root / "zebra" / "1.png").read_bytes()
