"""From the bytes of an image file to an upright RGB picture, or the reason why not."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from noisette.data.images.reading import BadImageError

CMYK, SIXTEEN_BIT, ROTATED, ANIMATED = "CMYK colours", "16-bit pixels", "EXIF-rotated", "animated"
"""Kinds of pictures that can be used after a conversion, and may not be what they seem."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation."""

_PNG_BIT_DEPTH = 24  # where the header holds it
_ADDRESS = re.compile("0x[0-9a-f]+")  # of an object in memory: another one each time
_MAY_HOLD_ORIENTATION = {"exif", "xmp"}
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_MAY_MOVE = ("GIF", "WEBP", "PNG", "TIFF", "AVIF")  # MPO, a photograph with a preview beside it, is one picture


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An upright picture in mode RGB, and the conversions that made it one (of the four kinds above)."""

    picture: Image.Image
    conversions: tuple[str, ...] = ()


def decode_image(data: bytes, *, at_least: int = 0) -> DecodedImage:
    """Decode an image: CMYK to RGB, 16 bits to 8, EXIF orientation applied, the first frame of an animation.

    Transparency is dropped, as `torchvision.datasets.ImageFolder` does.

    Args:
        data: the bytes of a file in any format that Pillow reads.
        at_least: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, neither side shorter than this; 0 = whole.

    Raises:
        BadImageError: "not an image", "truncated image", "corrupt image", "decompression bomb" (more pixels than
            `PIL.Image.MAX_IMAGE_PIXELS`), or "unsupported pixels" (floating point numbers, whose range nobody knows).
    """
    with _decoding(data):
        with Image.open(io.BytesIO(data)) as opened:
            is_wide = opened.format == "PNG" and data[_PNG_BIT_DEPTH] == 16
            return _decoded(opened, at_least, is_wide=is_wide)


def decode_picture(picture: Image.Image) -> DecodedImage:
    """Decode a picture that somebody has opened already, as `decode_image` does.

    Raises:
        BadImageError: see `decode_image`.
    """
    with _decoding(b""):
        return _decoded(picture, 0)


@contextmanager
def _decoding(data: bytes) -> Iterator[None]:
    """Turn whatever a decoder raises into `BadImageError`.

    Decoders warn of oddities that do no harm; a picture of very many pixels is refused before it is unpacked.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except BadImageError:
            raise
        except UnidentifiedImageError:
            raise BadImageError("not an image", _start_of(data)) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise BadImageError("decompression bomb", f"more than {Image.MAX_IMAGE_PIXELS} pixels") from None
        except Exception as error:  # decoders raise whatever their parsers stumble on: struct.error, KeyError, ...
            reason = _ADDRESS.sub("...", str(error)) or type(error).__name__
            is_cut = "truncated" in reason.lower() or isinstance(error, EOFError)
            raise BadImageError("truncated image" if is_cut else "corrupt image", reason) from error


def _decoded(opened: Image.Image, at_least: int, *, is_wide: bool = False) -> DecodedImage:
    conversions = [ANIMATED] if opened.format in _MAY_MOVE and getattr(opened, "is_animated", False) else []
    if at_least:
        opened.draft(None, (at_least, at_least))  # None keeps the mode
    orientation = _orientation(opened)
    opened.load()
    picture: Image.Image = opened
    if picture.mode == "CMYK":
        conversions.append(CMYK)
    elif picture.mode == "F":
        raise BadImageError("unsupported pixels", "floating point numbers; save the picture with 8 bits a colour")
    if is_wide or picture.mode in _WIDE_MODES:  # of colours with 16 bits each Pillow has kept the upper eight already
        conversions.append(SIXTEEN_BIT)
    if picture.mode in _WIDE_MODES:
        picture = _eight_bit(picture)
    if orientation in _TURNS:
        conversions.append(ROTATED)
        picture = picture.transpose(_TURNS[orientation])
    return DecodedImage(picture if picture.mode == "RGB" else picture.convert("RGB"), tuple(conversions))


def _orientation(picture: Image.Image) -> int | None:
    """Give the EXIF orientation; damaged EXIF data do not make a picture unusable."""
    if picture.format == "JPEG" and not (picture.info.keys() & _MAY_HOLD_ORIENTATION):
        return None
    try:
        found = picture.getexif().get(_ORIENTATION)
    except Exception:  # as above: any error of a parser
        return None
    return found if isinstance(found, int) else None


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Keep the upper eight of sixteen bits where there are more than eight; Pillow clips all above 255 to white."""
    values = np.asarray(picture).astype(np.int64)
    shift = 8 if values.max(initial=0) > 255 or picture.mode != "I" else 0
    return Image.fromarray((np.clip(values, 0, 65535) >> shift).astype(np.uint8))


def _start_of(data: bytes) -> str:
    return f"the file begins with {data[:12]!r}"
