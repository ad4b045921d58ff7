from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisette.data.datasets import read_image_folder
from noisette.data.exports import ExportSamples, Link
from noisette.data.exports import image_folder as image_folder_module
from noisette.data.exports.names import distinct
from noisette.data.exports.pictures import FOLDER_ENDINGS
from noisette.errors import InvalidInputError
from noisette.types import BadRows
from tests.data.exports.conftest import pixels_of, write
from tests.data.exports.readers import labels_read, labels_written

LINKS: tuple[Link, ...] = ("copy", "hard", "sym")


def image_folder(root: Path) -> list[tuple[str, str]]:
    """Do what torchvision.datasets.ImageFolder does: class folders sorted, files with its endings in them."""
    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    found = []
    for name in classes:
        files = sorted(path for path in (root / name).rglob("*") if path.name.lower().endswith(FOLDER_ENDINGS))
        assert files, f"Found no valid file for the classes {name}"
        found += [(name, path.name) for path in files]
    return found


@pytest.mark.parametrize("link", LINKS)
def test_torchvision_finds_every_picture_under_its_class(samples: ExportSamples, tmp_path: Path, link: Link) -> None:
    facts = write(samples, "imagefolder", tmp_path / "out", link)
    apple, small_apple = facts.folders["Apple"], facts.folders["apple"]
    assert apple.lower() != small_apple.lower()
    train = image_folder(tmp_path / "out" / "train")
    assert sorted(train) == sorted(
        [
            ("zebra", "2.png"),
            ("zebra", "shard.tar_one.jpg"),
            *(("zebra", name) for _, name in train if name.startswith("1-")),
            (small_apple, "1.png"),
            ("a_b", "a_b_1.png"),
        ]
    )
    assert len(train) == 6  # two of them were both called zebra/1.png
    assert image_folder(tmp_path / "out" / "test") == sorted([(apple, "batch.bin_0.png"), ("zebra", "noending.png")])
    with Image.open(tmp_path / "out" / "train" / "zebra" / "2.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels_of(1))


def test_our_own_reader_reads_the_final_labels(samples: ExportSamples, tmp_path: Path) -> None:
    facts = write(samples, "imagefolder", tmp_path / "out")
    found = read_image_folder(tmp_path / "out", BadRows(on_error="stop"))
    assert labels_read(found, facts.folders) == labels_written(samples)


def test_names_are_made_for_one_class_at_a_time(
    samples: ExportSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def told_apart(names: list[str], keys: list[str]) -> list[str]:
        asked.append(keys)
        return distinct(names, keys)

    monkeypatch.setattr(image_folder_module, "distinct", told_apart)
    monkeypatch.setattr(image_folder_module, "BLOCK_SAMPLES", 1)
    mixed = replace(samples, splits={"train": np.array([7, 5, 1, 4, 0, 3])})
    write(mixed, "imagefolder", tmp_path / "mixed")
    assert asked == [[samples.keys[row] for row in rows] for rows in ([7, 1, 0, 3], [4], [5])]


@pytest.mark.skipif(os.name != "posix", reason="this system has no handle to flush a folder with")
def test_what_a_block_put_is_flushed_with_its_folders(
    samples: ExportSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    flush = os.fsync

    def count(number: int) -> None:
        flushed.append(os.fstat(number).st_ino)
        flush(number)

    monkeypatch.setattr(os, "fsync", count)
    for link in LINKS:
        flushed.clear()
        write(samples, "imagefolder", tmp_path / link, link)
        folders = [tmp_path / link, *(path for path in (tmp_path / link).rglob("*") if path.is_dir())]
        assert {path.stat().st_ino for path in folders} <= set(flushed)
        copies = [path for path in (tmp_path / link).rglob("*.*g") if link == "copy" and path.is_file()]
        assert {path.stat().st_ino for path in copies} <= set(flushed)


def test_the_digits_that_tell_two_names_apart_follow_from_the_keys(samples: ExportSamples, tmp_path: Path) -> None:
    write(samples, "imagefolder", tmp_path / "a")
    write(replace(samples, splits={"train": np.array([3, 0])}), "imagefolder", tmp_path / "b")
    names = {path.name for path in (tmp_path / "a" / "train" / "zebra").iterdir()}
    assert {path.name for path in (tmp_path / "b" / "train" / "zebra").iterdir()} < names


def test_another_file_system_is_named_with_the_remedy(
    samples: ExportSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(InvalidInputError, match=r"on another file system than the export.*--link copy or sym"):
        write(samples, "imagefolder", tmp_path / "out", "hard")


def test_a_system_without_links_is_named_with_the_remedy(
    samples: ExportSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(InvalidInputError, match=r"can be made \(Operation not permitted\); use --link copy"):
        write(samples, "imagefolder", tmp_path / "out", "sym")


def test_a_copy_never_writes_through_a_link_that_is_in_its_place(samples: ExportSamples, tmp_path: Path) -> None:
    from noisette.data.exports.links import PictureFiles
    from noisette.data.exports.pictures import read_picture

    source = samples.root / "zebra" / "1.png"
    before = source.read_bytes()
    other = read_picture(samples.root, "zebra/2.png")
    makers: list[Callable[[Path], None]] = [lambda path: path.hardlink_to(source), lambda path: path.symlink_to(source)]
    for name in ("noisette-export.picture", "place.png"):  # the temporary file, and the place itself
        for make in makers:
            (tmp_path / name).unlink(missing_ok=True)
            make(tmp_path / name)
            PictureFiles(tmp_path, "copy").put(tmp_path / "place.png", other)
            assert source.read_bytes() == before
            assert (tmp_path / "place.png").read_bytes() == other.data
