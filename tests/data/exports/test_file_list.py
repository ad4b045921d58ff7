from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from noisette.data.datasets import read_manifest
from noisette.data.exports import ExportJob, ExportSamples, Journal
from noisette.data.exports.file_list import write_file_list
from noisette.errors import InvalidInputError
from noisette.types import BadRows
from tests.data.exports.conftest import without_pieces, write
from tests.data.exports.readers import labels_read, labels_written


def test_every_path_opens_below_the_root(samples: ExportSamples, tmp_path: Path) -> None:
    write(without_pieces(samples), "filelist", tmp_path / "out")
    lines = [line.split("\t") for line in (tmp_path / "out" / "train.txt").read_text().splitlines()]
    assert lines == [
        ["zebra/1.png", "0"],
        ["zebra/2.png", "0"],
        ["Apple/1.png", "0"],
        ["apple/1.png", "2"],
        ["a/b/1.png", "3"],
    ]
    for path, _ in lines:
        Image.open(samples.root / path).close()
    assert (tmp_path / "out" / "test.txt").read_text() == "noending\t0\n"


def test_the_table_has_names_weights_and_quality(samples: ExportSamples, tmp_path: Path) -> None:
    write(without_pieces(samples), "filelist", tmp_path / "out")
    with (tmp_path / "out" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "original_label", "label", "sample_weight", "label_quality", "split"]
    assert rows[3] == ["Apple/1.png", "Apple", "zebra", "0.9", "0.1", "train"]
    assert rows[4] == ["apple/1.png", "apple", "apple", "1.0", "", "train"]  # quality not known


def test_our_own_reader_reads_the_final_labels(samples: ExportSamples, tmp_path: Path) -> None:
    samples = without_pieces(samples)
    write(samples, "filelist", tmp_path / "out")
    for split, labels in labels_written(samples).items():
        lists = tmp_path / "out" / f"{split}.csv"
        found = read_manifest(lists, BadRows(on_error="stop"), root=samples.root, class_names=samples.class_names)
        assert labels_read(found) == {split: labels}


def test_pictures_that_are_missing_or_empty_are_bad_rows(samples: ExportSamples, tmp_path: Path) -> None:
    samples = without_pieces(samples)
    (samples.root / "zebra" / "1.png").unlink()
    (samples.root / "zebra" / "2.png").write_bytes(b"")
    (samples.root / "noending").unlink()  # the only one of its split
    bad_rows = BadRows(on_error="skip", max_bad=1.0)
    (tmp_path / "out").mkdir()
    journal = Journal(tmp_path / "j")
    write_file_list(ExportJob(samples, tmp_path / "out", journal, bad_rows))
    assert bad_rows.counts == {"missing file": 2, "empty file": 1}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["train.csv", "train.txt"]
    assert [line.split("\t")[0] for line in (tmp_path / "out" / "train.txt").read_text().splitlines()] == [
        "Apple/1.png",
        "apple/1.png",
        "a/b/1.png",
    ]
    assert [shard.num_samples for split in ("train", "test") for shard in journal.shards(split)] == [3, 0]


def test_pieces_of_larger_files_have_no_path(samples: ExportSamples, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"shard.tar/one.jpg is a piece of a larger file"):
        write(samples, "filelist", tmp_path / "out")


def test_paths_that_a_line_cannot_hold_are_bad_rows(samples: ExportSamples, tmp_path: Path) -> None:
    uris = ["a\tb.png", "a\nb.png"]
    for uri in uris:
        (samples.root / uri).write_bytes(b"here")
    nasty = replace(without_pieces(samples), uris=[*uris, *samples.uris[2:]])
    bad_rows = BadRows(on_error="skip", max_bad=1.0)
    (tmp_path / "out").mkdir()
    write_file_list(ExportJob(nasty, tmp_path / "out", Journal(tmp_path / "j"), bad_rows))
    assert bad_rows.counts == {"tab or line break in the path": 2}
    assert len((tmp_path / "out" / "train.txt").read_text().splitlines()) == 3
    assert len((tmp_path / "out" / "train.csv").read_text().splitlines()) == 4
