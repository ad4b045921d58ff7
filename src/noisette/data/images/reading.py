"""The encoded bytes of an image, wherever it lies."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from noisette.data.images.uris import HubRow, Piece, parse_uri
from noisette.errors import DataFileError, MissingExtraError

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
    """
    place = parse_uri(uri)
    try:
        if isinstance(place, HubRow):
            return _read_row(str(root), place)
        if isinstance(place, Piece):
            return _read_piece(Path(root) / place.path, place)
        return _read_file(Path(root) / place)
    except FileNotFoundError:
        raise BadImageError("missing file") from None
    except OSError as error:
        raise BadImageError("unreadable file", error.strerror or str(error)) from error
    except ValueError as error:  # a NUL character in a path
        raise BadImageError("unreadable file", str(error)) from error


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if not data:
        raise BadImageError("empty file")
    if len(data) > MAX_BYTES:
        raise BadImageError("huge file", f"more than {MAX_BYTES >> 20} MiB")
    return data


def _read_piece(path: Path, piece: Piece) -> bytes:
    if piece.size > MAX_BYTES:
        raise BadImageError("huge file", f"more than {MAX_BYTES >> 20} MiB")
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
    colours = [pixels[at * height * width : (at + 1) * height * width] for at in range(channels)]
    points = bytearray(len(pixels))
    for at, colour in enumerate(colours):
        points[at::channels] = colour
    return b"P%d %d %d 255\n" % (6 if channels == 3 else 5, width, height) + bytes(points)


def _read_row(root: str, place: HubRow) -> bytes:
    cell: Any = hub_split(root, place.split, place.column)[place.row][place.column]
    if isinstance(cell, dict) and cell.get("bytes"):
        data: bytes = cell["bytes"]
        return data
    if isinstance(cell, dict) and cell.get("path"):
        return _read_file(Path(root) / cell["path"])
    raise BadImageError("empty file", "the cell holds no image")


@lru_cache(maxsize=8)
def hub_split(root: str, split: str, column: str) -> Any:
    """Open one split of a Hugging Face data set with images as encoded bytes.

    Raises:
        MissingExtraError: the package `datasets` is not installed.
        DataFileError: `root` is no data set of that kind.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(
            "Hugging Face data sets need the package `datasets`; pip install 'noisette[huggingface]'"
        ) from error
    try:
        found = datasets.load_from_disk(root)
    except Exception as error:  # the package raises errors of many families
        raise DataFileError(root, f"is no Hugging Face data set written by save_to_disk ({error})") from error
    table = found[split] if isinstance(found, datasets.DatasetDict) else found
    return table.cast_column(column, datasets.Image(decode=False)).select_columns([column])
