"""The encoded bytes of an image, wherever it lies."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from noisette.data.images.hub import hub_images
from noisette.data.images.uris import HubRow, Piece, parse_uri
from noisette.errors import NoisetteError

MAX_BYTES = 256 << 20
"""Files larger than this are not read as images."""


class BadImageError(Exception):
    """An image cannot be used. `kind` is the reason without its particulars, for counting; `detail` has them."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


def read_image(root: str | Path, uri: str) -> bytes:
    """Read the bytes of an image below `root`; raw pixels come as a Netpbm file, which every decoder knows.

    Raises:
        BadImageError: there is nothing to read: missing, empty, unreadable, or far too large.
        DataFileError: the Hugging Face data set that all images lie in cannot be used.
        MissingExtraError: its package is not installed.
    """
    place = parse_uri(uri)
    try:
        if isinstance(place, HubRow):
            return _read_row(str(root), place)
        if isinstance(place, Piece):
            return _read_piece(Path(root) / place.path, place)
        return _read_file(os.path.join(root, place))  # noqa: PTH118  # a `Path` a picture costs as much as opening it
    except FileNotFoundError:
        raise BadImageError("missing file") from None
    except OSError as error:
        raise BadImageError("unreadable file", error.strerror or str(error)) from error
    except NoisetteError:
        raise  # no matter of one image
    except ValueError as error:  # a NUL character in a path
        raise BadImageError("unreadable file", str(error)) from error


def _read_file(path: str) -> bytes:
    about = os.stat(path)  # noqa: PTH116
    if stat.S_ISFIFO(about.st_mode) or stat.S_ISCHR(about.st_mode):
        raise BadImageError("unreadable file", "it is a pipe or a device, which may never end")
    if about.st_size > MAX_BYTES:  # (a limit as the argument of `read` would set that much memory aside)
        raise _huge()
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        data = file.readall()
    if not data:
        raise BadImageError("empty file")
    return data


def _checked(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise _huge()
    return data


def _huge() -> BadImageError:
    return BadImageError("huge file", f"more than {MAX_BYTES >> 20} MiB")


def _read_piece(path: Path, piece: Piece) -> bytes:
    if piece.size > MAX_BYTES:
        raise _huge()
    if piece.size == 0:
        raise BadImageError("empty file")
    with path.open("rb") as file:
        file.seek(piece.offset)
        data = file.read(piece.size)
    if len(data) < piece.size:
        raise BadImageError("truncated image", f"the file that holds it ends {piece.size - len(data)} bytes early")
    return data if piece.kind == "tar" else _netpbm(data, piece.name)


def _netpbm(pixels: bytes, name: str) -> bytes:
    """Put a header before pixels, which come a colour at a time and go a point at a time."""
    channels, height, width = (int(text) for text in name.split("x"))
    if channels not in (1, 3) or channels * height * width != len(pixels):
        raise BadImageError("wrong number of pixels", f"{len(pixels)} bytes for {name}; 1 or 3 colours can be read")
    points = bytearray(len(pixels))
    for at in range(channels):
        points[at::channels] = pixels[at * height * width : (at + 1) * height * width]
    return b"P%d %d %d 255\n" % (6 if channels == 3 else 5, width, height) + bytes(points)


def file_of_row(root: str | Path, place: HubRow) -> str | None:
    """Give the path that a row of a Hugging Face data set names, where it names a file instead of holding its bytes.

    Raises:
        BadImageError: there is no such row.
    """
    data, path = _cell(str(root), place)
    return path if data is None and path else None


def _cell(root: str, place: HubRow) -> tuple[bytes | None, str | None]:
    images = hub_images(root, place.split, place.column)
    if place.row >= len(images):
        raise BadImageError("missing row", f"split {place.split!r} has {len(images)} rows")
    cell: Any = images[place.row][place.column]
    return (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (None, None)


def _read_row(root: str, place: HubRow) -> bytes:
    data, path = _cell(root, place)
    if data is None and path:
        return _read_file(str(Path(root) / path))
    if not data:
        raise BadImageError("empty file", "the cell holds no image")
    return _checked(data)
