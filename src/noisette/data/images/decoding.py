"""From the bytes of an image file to an upright RGB picture, or the reason why not."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from noisette.data.images.reading import BadImageError

CMYK, SIXTEEN_BIT, ROTATED, ANIMATED = "CMYK colours", "16-bit pixels", "EXIF-rotated", "animated"
"""Kinds of pictures that can be used after a conversion, and may not be what they seem."""

_ORIENTATION = 0x0112
_UPRIGHT = (None, 0, 1)
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
    with warnings.catch_warnings():
        # Decoders warn of oddities that do no harm; a picture of very many pixels is refused before it is unpacked.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data)) as opened:
                return _decoded(opened, at_least)
        except BadImageError:
            raise
        except UnidentifiedImageError:
            raise BadImageError("not an image", _start_of(data)) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise BadImageError("decompression bomb", f"more than {Image.MAX_IMAGE_PIXELS} pixels") from None
        except Exception as error:  # decoders raise whatever their parsers stumble on: struct.error, KeyError, ...
            reason = str(error) or type(error).__name__
            is_cut = "truncated" in reason.lower() or isinstance(error, EOFError)
            raise BadImageError("truncated image" if is_cut else "corrupt image", reason) from error


def _decoded(opened: Image.Image, at_least: int) -> DecodedImage:
    conversions = [ANIMATED] if opened.format in _MAY_MOVE and getattr(opened, "is_animated", False) else []
    if at_least:
        opened.draft(None, (at_least, at_least))  # None keeps the mode
    orientation = _orientation(opened)
    opened.load()
    picture: Image.Image = opened
    if picture.mode == "CMYK":
        conversions.append(CMYK)
    elif picture.mode in _WIDE_MODES:
        conversions.append(SIXTEEN_BIT)
        picture = _eight_bit(picture)
    elif picture.mode == "F":
        raise BadImageError("unsupported pixels", "floating point numbers; save the picture with 8 bits a colour")
    if orientation not in _UPRIGHT:
        conversions.append(ROTATED)
        picture = ImageOps.exif_transpose(picture)
    return DecodedImage(picture.convert("RGB"), tuple(conversions))


def _orientation(picture: Image.Image) -> int | None:
    """Give the EXIF orientation; damaged EXIF data do not make a picture unusable."""
    if picture.format == "JPEG" and not (picture.info.keys() & _MAY_HOLD_ORIENTATION):
        return None
    try:
        found = picture.getexif().get(_ORIENTATION)
    except Exception:  # as above: any error of a parser
        return None
    return found if isinstance(found, int) and 1 <= found <= 8 else None


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Keep the upper eight of sixteen bits; Pillow's own conversion clips everything above 255 to white."""
    values = np.asarray(picture).astype(np.int64)
    return Image.fromarray((np.clip(values, 0, 65535) >> 8).astype(np.uint8))


def _start_of(data: bytes) -> str:
    return f"the file begins with {data[:12]!r}"
