import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisette.data.images import reading
from noisette.data.images.reading import BadImageError, read_image
from noisette.data.images.uris import raw_uri, tar_uri
from noisette.errors import DataFileError


def kind(root: Path, uri: str) -> str:
    with pytest.raises(BadImageError) as caught:
        read_image(root, uri)
    return f"{caught.value.kind}: {caught.value.detail}"


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a, b").mkdir()
    (tmp_path / "a, b" / "c.jpg").write_bytes(b"abc")
    assert read_image(tmp_path, "a, b/c.jpg") == b"abc"


def test_a_member_of_a_tar_is_cut_out(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"0123456789")
    assert read_image(tmp_path, tar_uri(3, 4, "m.jpg", "x.tar")) == b"3456"


def test_what_cannot_be_read_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "x.tar").write_bytes(b"0123456789")
    assert kind(tmp_path, "none.jpg") == "missing file: "
    assert kind(tmp_path, "empty.jpg") == "empty file: "
    assert kind(tmp_path, "").startswith("unreadable file: ")
    assert kind(tmp_path, "a\0b.jpg").startswith("unreadable file: ")
    assert kind(tmp_path, tar_uri(8, 4, "m", "x.tar")) == "truncated image: the file that holds it ends 2 bytes early"
    assert kind(tmp_path, tar_uri(8, 0, "m", "x.tar")) == "empty file: "
    assert kind(tmp_path, tar_uri(0, 1, "m", "y.tar")) == "missing file: "
    monkeypatch.setattr(reading, "MAX_BYTES", 9)
    assert kind(tmp_path, "x.tar").startswith("huge file: ")
    assert kind(tmp_path, tar_uri(0, 10, "m", "x.tar")).startswith("huge file: ")


@pytest.mark.parametrize(
    ("shape", "mode"), [((3, 4, 5), "RGB"), ((1, 4, 5), "L"), ((3, 1, 1), "RGB"), ((1, 7, 1), "L")]
)
def test_raw_pixels_become_the_same_picture(tmp_path: Path, shape: tuple[int, int, int], mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "batch.bin").write_bytes(b"#" * 17 + pixels.tobytes() + b"rest")
    with Image.open(io.BytesIO(read_image(tmp_path, raw_uri(17, shape, "batch.bin")))) as image:
        assert (image.format, image.mode, image.size) == ("PPM", mode, (shape[2], shape[1]))
        shown = np.asarray(image)
    np.testing.assert_array_equal(shown, pixels.transpose(1, 2, 0) if mode == "RGB" else pixels[0])


def test_pixels_of_another_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(bytes(100))
    expected = "wrong number of pixels: 24 bytes for 3x2x3; 1 or 3 colours can be read"
    assert kind(tmp_path, "raw://0+24/3x2x3::b") == expected
    assert kind(tmp_path, raw_uri(0, (4, 2, 3), "b")).startswith("wrong number of pixels: ")
    assert kind(tmp_path, "raw://0+24/what::b").startswith("unreadable file: ")


def test_a_data_set_that_is_none_is_no_matter_of_one_image(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="is no Hugging Face data set written by save_to_disk"):
        read_image(tmp_path, "hf://train/0/image")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(BadImageError, match="it is a pipe or a device"):
        read_image(tmp_path, "pipe.jpg")
