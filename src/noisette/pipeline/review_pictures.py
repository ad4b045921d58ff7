"""Pictures for the review page: read below the image root alone, and encoded anew whatever they were."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

from PIL import Image

from noisette.data.images import BadImageError, decode_image, file_of_row, parse_uri, read_image
from noisette.data.images.uris import HubRow, Piece

THUMBNAIL_SIDE, IMAGE_SIDE = 256, 1600
"""Longest sides in pixels."""

_TINY = 48  # pictures this small are kept without loss: the page shows them enlarged
_POSTSCRIPT = (b"%!PS", b"\xc5\xd0\xd3\xc6", b"%PDF")  # Pillow has a program run these; it need not be tempted


class PictureRefusedError(Exception):
    """A picture is not there, lies outside the image root, or is none."""


def picture_tag(root: Path, uri: str) -> str:
    """Give a short hash that changes with the picture: with its place, and the size and time of its file.

    Raises:
        PictureRefusedError: there is no such file below the root.
    """
    place = parse_uri(uri)
    about = _safe_path(root, place).stat()
    text = f"{uri}\n{about.st_size}\n{about.st_mtime_ns}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def encode_picture(root: Path, uri: str, side: int) -> bytes:
    """Give a picture as WebP, upright, at most `side` pixels wide and high.

    Whatever the file holds, what is served are pixels: SVG, HTML and text inside a picture's metadata do not survive.

    Raises:
        PictureRefusedError: there is no such picture below the root, or it cannot be decoded.
    """
    _safe_path(root, parse_uri(uri))
    try:
        data = read_image(root, uri)
        if data.startswith(_POSTSCRIPT):
            raise PictureRefusedError("PostScript is not shown")
        picture = decode_image(data, at_least=side).picture
    except BadImageError as error:
        raise PictureRefusedError(f"the picture cannot be shown: {error.kind}") from error
    is_tiny = max(picture.size) <= _TINY
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=is_tiny, quality=80, method=2)
    return buffer.getvalue()


def _safe_path(root: Path, place: str | Piece | HubRow) -> Path:
    """Give the real path of the file that holds a picture, symbolic links followed; it must lie below the real root."""
    if place == "":
        raise PictureRefusedError("the sample has no picture")
    base = Path(os.path.realpath(root))
    if isinstance(place, HubRow):
        named = _named_file(base, place)
        if named is None:
            return base
        place = named
    try:
        path = (base / (place.path if isinstance(place, Piece) else place)).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # missing; a NUL character; a circle of links
        raise PictureRefusedError("the picture is not there") from None
    if not path.is_relative_to(base) or not path.is_file():
        raise PictureRefusedError("the picture lies outside the image root")
    return path


def _named_file(root: Path, place: HubRow) -> str | None:
    try:
        return file_of_row(root, place)
    except BadImageError as error:
        raise PictureRefusedError(f"the picture cannot be shown: {error.kind}") from error
