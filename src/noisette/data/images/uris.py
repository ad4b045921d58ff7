"""Where an image lies, as text: a relative path, or a piece of a bigger file, found without reading the rest of it.

============================================  =======================================================================
``class/name.jpg``                            a file
``tar://5120+20480/000012.jpg::00000.tar``    20,480 bytes at 5,120 of a tar file; the member's name is for people
``raw://17+3072/3x32x32::batch.bin``          pixels (channels, height, width) of one byte each, at 17
``hf://train/12/image``                       row 12, column "image" of split "train" of a Hugging Face data set
============================================  =======================================================================

What follows the first ``::`` is the file that holds the piece, relative to the root of the data set; a colon in a
member's name is written ``%3A``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PIECE = re.compile(r"(tar|raw)://(\d+)\+(\d+)/(.*?)::(.+)", re.DOTALL)
_ROW = re.compile(r"hf://([^/]+)/(\d+)/(.+)", re.DOTALL)


class Piece(NamedTuple):
    """A piece of a file: `kind` "tar" (an encoded image) or "raw" (pixels, `name` gives their shape)."""

    kind: str
    offset: int
    size: int
    name: str
    path: str


class HubRow(NamedTuple):
    """One cell of a Hugging Face data set."""

    split: str
    row: int
    column: str


def tar_uri(offset: int, size: int, member: str, shard: str) -> str:
    """Name a member of a tar file by the place of its bytes."""
    name = member.replace(":", "%3A")  # the path must be found again, whatever the member is called
    return f"tar://{offset}+{size}/{name}::{shard}"


def raw_uri(offset: int, shape: tuple[int, int, int], path: str) -> str:
    """Name (channels, height, width) pixels of one byte each in a file."""
    channels, height, width = shape
    return f"raw://{offset}+{channels * height * width}/{channels}x{height}x{width}::{path}"


def hub_uri(split: str, row: int, column: str) -> str:
    """Name a cell of a Hugging Face data set."""
    return f"hf://{split}/{row}/{column}"


def parse_uri(uri: str) -> str | Piece | HubRow:
    """Give the path of a file as it is, and the parts of any other form."""
    found = _PIECE.fullmatch(uri)
    if found is not None:
        kind, offset, size, name, path = found.groups()
        return Piece(kind, int(offset), int(size), name.replace("%3A", ":"), path)
    found = _ROW.fullmatch(uri)
    if found is not None:
        return HubRow(found[1], int(found[2]), found[3])
    return uri


def shown(uri: str) -> str:
    """Give the path that a person looks for: of the file, or of the shard and the member in it."""
    place = parse_uri(uri)
    if isinstance(place, Piece):
        return f"{place.path}/{place.name}" if place.kind == "tar" else f"{place.path}@{place.offset}"
    return uri
