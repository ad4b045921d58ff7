"""Small pictures inside the page, as data URIs."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

from PIL import Image

from noisette.data.images import BadImageError, decode_image

MAX_SIDE = 160
"""Longest side of a thumbnail, in pixels: sharp at twice the size of a CSS pixel in the gallery."""

_PIXEL_ART = 48  # images this small are shown enlarged with hard edges


class Thumbnail(NamedTuple):
    """A picture for ``<img src>``; `is_tiny` asks for enlargement without blur."""

    uri: str
    is_tiny: bool


def make_thumbnail(image: bytes) -> Thumbnail | None:
    """Shrink an encoded image to at most 160 pixels a side; None if it cannot be read as an image.

    It is decoded as the network saw it: upright, 16 bits brought down to 8, the first frame. Small images are stored
    without loss (PNG), others as JPEG. The same bytes give the same thumbnail.
    """
    try:
        picture = decode_image(image, at_least=MAX_SIDE).picture
    except BadImageError:
        return None
    is_tiny = max(picture.size) <= _PIXEL_ART
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if is_tiny:
        picture.save(buffer, "PNG", optimize=True)
    else:
        picture.save(buffer, "JPEG", quality=80)
    kind = "png" if is_tiny else "jpeg"
    return Thumbnail(f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}", is_tiny)
