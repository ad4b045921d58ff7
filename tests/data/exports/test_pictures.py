from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisette.data.exports.pictures import ending_of, find_picture, is_own_file, read_picture
from noisette.data.images import BadImageError, raw_uri


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("JPEG", ".jpg"),
        ("PNG", ".png"),
        ("GIF", ".gif"),
        ("BMP", ".bmp"),
        ("TIFF", ".tif"),
        ("WEBP", ".webp"),
        ("PPM", ".ppm"),
    ],
)
def test_the_ending_follows_from_the_bytes(name: str, ending: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (3, 2)).save(out, format=name)
    assert ending_of(out.getvalue(), "wrong.xyz") == ending
    assert ending_of(out.getvalue()[:16]) == ending


def test_a_netpbm_file_of_its_own_stays_one_and_raw_pixels_become_png(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "a.ppm")
    found = read_picture(tmp_path, "a.ppm")
    assert (found.data, found.ending) == ((tmp_path / "a.ppm").read_bytes(), ".ppm")
    (tmp_path / "b.bin").write_bytes(bytes(range(6)))
    found = read_picture(tmp_path, raw_uri(0, (1, 2, 3), "b.bin"))
    assert (found.ending, found.source) == (".png", None)
    with Image.open(io.BytesIO(found.data)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), [[0, 1, 2], [3, 4, 5]])


def test_a_picture_to_link_to_is_looked_at(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "a", format="PNG")
    assert find_picture(tmp_path, "a") == (b"", ".png", tmp_path / "a")
    (tmp_path / "empty").touch()
    for name, kind in (("empty", "empty file"), ("no", "missing file"), (".", "unreadable file"), ("\0", "unreadable")):
        with pytest.raises(BadImageError, match=kind):
            find_picture(tmp_path, name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadImageError, match="unreadable file"):
        find_picture(tmp_path, "pipe")


def test_what_is_no_picture_has_no_file() -> None:
    assert is_own_file("a/b.jpg")
    assert not is_own_file("")
    assert not is_own_file("tar://1+2/a.jpg::x.tar")
    assert not is_own_file("hf://train/0/image")
    with pytest.raises(BadImageError, match="no picture"):
        read_picture(Path(), "")
