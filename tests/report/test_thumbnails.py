from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from noisette.report.thumbnails import MAX_SIDE, make_thumbnail
from tests.report.example import picture


def _open(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_tiny_image_is_kept_pixel_for_pixel() -> None:
    found = make_thumbnail(picture(8, 123))
    assert found is not None
    assert found.is_tiny
    assert found.uri.startswith("data:image/png;base64,")
    np.testing.assert_array_equal(np.asarray(_open(found.uri)), np.full((8, 8, 3), 123))


@pytest.mark.parametrize(("width", "height", "size"), [(640, 320, (160, 80)), (90, 90, (90, 90)), (49, 400, (20, 160))])
def test_a_photograph_is_shrunk_and_keeps_its_shape(width: int, height: int, size: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "orange").save(buffer, "JPEG")
    found = make_thumbnail(buffer.getvalue())
    assert found is not None
    assert not found.is_tiny
    assert _open(found.uri).size == size
    assert max(size) <= MAX_SIDE


def test_it_shows_what_the_network_saw() -> None:
    exif, turned, wide = Image.Exif(), io.BytesIO(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200)).save(turned, "JPEG", exif=exif)
    Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16)).save(wide, "PNG")
    upright, dimmed = make_thumbnail(turned.getvalue()), make_thumbnail(wide.getvalue())
    assert upright is not None
    assert _open(upright.uri).size == (107, 160)
    assert dimmed is not None
    assert _open(dimmed.uri).getpixel((0, 0)) == (156, 156, 156)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "I;16"])
def test_every_mode_of_image(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (60, 60)).save(buffer, "TIFF")
    assert make_thumbnail(buffer.getvalue()) is not None


@pytest.mark.parametrize("bad", [b"", b"not a picture", picture(64)[:-40], b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_gives_no_thumbnail(bad: bytes) -> None:
    assert make_thumbnail(bad) is None
