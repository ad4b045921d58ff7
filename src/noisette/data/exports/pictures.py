"""The bytes of a picture as they go into an export, and the ending that belongs to them."""

from __future__ import annotations

import io
import stat
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from noisette.data.images import BadImageError, parse_uri, read_image, shown

FOLDER_ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Endings that `torchvision.datasets.ImageFolder` takes for pictures; it passes over all others."""

_OTHER = ".img"
_STARTS = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG\r\n\x1a\n": ".png",
    b"GIF87a": ".gif",
    b"GIF89a": ".gif",
    b"BM": ".bmp",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"P5": ".pgm",
    b"P6": ".ppm",
}
_BRANDS = {b"avif": ".avif", b"avis": ".avif", b"heic": ".heic", b"heix": ".heic", b"mif1": ".heic"}
_NETPBM = (".pgm", ".ppm")


class Picture(NamedTuple):
    """One picture. `data` is empty where it is only linked to; `source` is its file where it has one of its own."""

    data: bytes
    ending: str
    source: Path | None = None


def is_own_file(uri: str) -> bool:
    """Tell whether a picture is a file of its own, not a piece of a larger one."""
    return bool(uri) and isinstance(parse_uri(uri), str)


def check_place(uri: str) -> None:
    """Refuse a sample that has no picture.

    Raises:
        BadImageError: `uri` is empty.
    """
    if not uri:
        raise BadImageError("no picture", "the sample has no uri")


def read_picture(root: Path, uri: str) -> Picture:
    """Read the bytes of a picture; raw pixels become a PNG.

    Raises:
        BadImageError: there is nothing to read.
    """
    check_place(uri)
    data = read_image(root, uri)
    ending = ending_of(data, shown(uri))
    if is_own_file(uri):
        return Picture(data, ending, root / uri)
    return Picture(_as_png(data), ".png") if ending in _NETPBM else Picture(data, ending)


def find_picture(root: Path, uri: str) -> Picture:
    """Look at a picture that is a file of its own, to be linked to: its first bytes are read, no more.

    Raises:
        BadImageError: the file is missing, empty or unreadable.
    """
    path = root / uri
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would be to wait for ever
            raise BadImageError("unreadable file", "it is a folder, a pipe or a device")
        with path.open("rb", buffering=0) as file:
            start = file.read(16)
    except FileNotFoundError:
        raise BadImageError("missing file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in a path
        raise BadImageError("unreadable file", getattr(error, "strerror", None) or str(error)) from error
    if not start:
        raise BadImageError("empty file")
    return Picture(b"", ending_of(start, uri), path)


def ending_of(data: bytes, name: str = "") -> str:
    """Give the ending that the first bytes of a picture ask for; where they are not known, that of its name.

    Example:
        >>> ending_of(b"GIF89a..."), ending_of(b"unknown", "a/b.XYZ"), ending_of(b"unknown", "a.b/c")
        ('.gif', '.xyz', '.img')
    """
    for start, ending in _STARTS.items():
        if data.startswith(start):
            return ending
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    if data[4:8] == b"ftyp" and data[8:12] in _BRANDS:
        return _BRANDS[data[8:12]]
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if 1 < len(suffix) <= 6 and suffix[1:].isascii() and suffix[1:].isalnum() else _OTHER


def _as_png(data: bytes) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(out, format="PNG")
    return out.getvalue()
