from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from noisette.data.images import BadImageError
from noisette.data.images.decoding import ANIMATED, CMYK, ROTATED, SIXTEEN_BIT, decode_image, decode_picture


def gradient(width: int = 40, height: int = 30) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    values = np.stack([columns * 255 // width, rows * 255 // height, np.full_like(rows, 90)], axis=2)
    return Image.fromarray(values.astype(np.uint8))


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A few bytes that claim to be a picture of that size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_a_plain_picture_is_rgb_and_needs_no_conversion(kind: str) -> None:
    found = decode_image(saved(gradient(), kind))
    assert found.picture.mode == "RGB"
    assert found.picture.size == (40, 30)
    assert found.conversions == ()


def test_png_pixels_are_kept() -> None:
    found = decode_image(saved(gradient(), "PNG")).picture
    np.testing.assert_array_equal(np.asarray(found), np.asarray(gradient()))


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA"])
def test_other_modes_become_rgb(mode: str) -> None:
    found = decode_image(saved(gradient().convert(mode), "PNG"))
    assert found.picture.mode == "RGB"
    assert found.conversions == ()


def test_cmyk_is_converted_and_said() -> None:
    found = decode_image(saved(gradient().convert("CMYK"), "JPEG", quality=95))
    assert found.conversions == (CMYK,)
    assert np.abs(np.asarray(found.picture).astype(int) - np.asarray(gradient()).astype(int)).mean() < 5


def test_sixteen_bits_keep_the_upper_eight() -> None:
    values = (np.arange(256, dtype=np.uint16).reshape(16, 16)) * 257
    found = decode_image(saved(Image.fromarray(values), "PNG"))
    assert found.conversions == (SIXTEEN_BIT,)
    np.testing.assert_array_equal(np.asarray(found.picture)[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize("kind", ["RGB", "LA"])
def test_sixteen_bit_colours_are_noticed(kind: str) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    colour_type, channels = {"RGB": (2, 3), "LA": (4, 2)}[kind]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, colour_type, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">H", 40_000) * channels * 2))
    found = decode_image(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
    assert found.conversions == (SIXTEEN_BIT,)
    assert found.picture.getpixel((0, 0)) == (156, 156, 156)


def test_small_numbers_in_a_wide_type_do_not_turn_black() -> None:
    found = decode_image(saved(Image.fromarray(np.full((4, 4), 200, dtype=np.int32)), "TIFF"))
    assert found.picture.getpixel((0, 0)) == (200, 200, 200)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(gradient(), "PNG", exif=exif)
    found = decode_image(data)
    assert found.conversions == (() if orientation == 1 else (ROTATED,))
    with Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(np.asarray(found.picture), np.asarray(ImageOps.exif_transpose(opened)))
    assert decode_image(saved(gradient(), "JPEG", exif=exif)).picture.size == found.picture.size


def test_sixteen_bits_are_turned_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode_image(saved(Image.fromarray(np.full((20, 10), 40_000, dtype=np.uint16)), "PNG", exif=exif))
    assert found.picture.size == (20, 10)
    assert found.conversions == (SIXTEEN_BIT, ROTATED)


def test_a_picture_that_is_open_already_is_decoded_alike() -> None:
    for data in (
        saved(gradient().convert("CMYK"), "JPEG"),
        saved(Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)), "PNG"),
    ):
        with Image.open(io.BytesIO(data)) as opened:
            assert decode_picture(opened).conversions == decode_image(data).conversions
    with Image.open(io.BytesIO(saved(gradient(), "JPEG")[:-20])) as cut, pytest.raises(BadImageError, match="trunc"):
        decode_picture(cut)


def test_damaged_exif_is_no_reason_to_refuse_a_picture() -> None:
    found = decode_image(saved(gradient(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert found.picture.size == (40, 30)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if kind == "WEBP" else {}
    found = decode_image(saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options))
    assert found.conversions == (ANIMATED,)
    assert found.picture.getpixel((4, 4)) == (255, 0, 0)


def test_a_jpeg_is_decoded_at_a_fraction_of_its_size_but_no_smaller_than_asked() -> None:
    data = saved(gradient(800, 600), "JPEG")
    sizes = [decode_image(data, at_least=side).picture.size for side in (75, 76, 150, 300, 301, 0)]
    assert sizes == [(100, 75), (200, 150), (200, 150), (400, 300), (800, 600), (800, 600)]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "not an image"),
        (b"just a text\n" * 100, "not an image"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "not an image"),
        (saved(gradient(), "JPEG")[:-200], "truncated image"),
        (saved(gradient(), "PNG")[:-40], "truncated image"),
        (png_of_size(20_000, 20_000), "decompression bomb"),
        (png_of_size(10_000, 10_000), "decompression bomb"),
        (saved(Image.fromarray(np.zeros((4, 4), dtype=np.float32)), "TIFF"), "unsupported pixels"),
    ],
    ids=["empty", "text", "broken header", "cut jpeg", "cut png", "bomb", "half a bomb", "floats"],
)
def test_what_cannot_be_used_has_a_reason(data: bytes, kind: str) -> None:
    with pytest.raises(BadImageError) as caught:
        decode_image(data)
    assert caught.value.kind == kind
    assert caught.value.detail


def test_damage_anywhere_is_a_bad_image_or_a_picture_but_never_another_error() -> None:
    rng = np.random.default_rng(0)
    sources = [saved(gradient(), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM")]
    kinds = []
    for trial in range(300):
        data = bytearray(sources[trial % len(sources)])
        for place in rng.integers(0, len(data), 8):
            data[place] = rng.integers(0, 256)
        try:
            decode_image(bytes(data))
        except BadImageError as error:
            kinds.append(error.kind)
    assert len(kinds) > 30
    assert all(kind.endswith(("image", "bomb", "pixels")) for kind in kinds)
