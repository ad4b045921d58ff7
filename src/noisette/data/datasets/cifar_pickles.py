"""The pixels and labels in a pickle of CIFAR's python version, found without loading it: it is only cut into tokens."""

from __future__ import annotations

import pickletools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from noisette.data.datasets.cifar_layout import PIXEL_BYTES
from noisette.data.text_blocks import check_file
from noisette.errors import DataFileError
from noisette.types import IntArray

_BYTES_AT = {"BINSTRING": 5, "BINBYTES": 5, "BINBYTES8": 9, "BYTEARRAY8": 9, "SHORT_BINBYTES": 2, "SHORT_BINSTRING": 2}
"""Tokens that hold bytes as they are, and where in the token these begin."""

_INTEGERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1")
_IN_A_LIST = (*_INTEGERS, "EMPTY_LIST", "MARK", "APPEND", "APPENDS", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "FRAME")
_REMEDY = "unpack it again from the archive that the CIFAR page offers, or take the binary version"


def find_pixels(path: Path, label_key: str) -> tuple[int, IntArray]:
    """Give the position of the first pixel and the (N,) class ids of a batch.

    Args:
        path: the pickle: a dict with "data", a (N, 3072) uint8 array, and `label_key`, a list of N class ids.
        label_key: what the class ids are called.

    Raises:
        DataFileError: the file is missing, no pickle, or holds no such dict.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            return _search(path, pickletools.genops(file), label_key)
    except (ValueError, EOFError, UnicodeDecodeError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(path, f"is no whole file of CIFAR's python version ({error}); {_REMEDY}") from error


def _search(path: Path, tokens: Iterable[tuple[Any, Any, Any]], label_key: str) -> tuple[int, IntArray]:
    labels: list[int] = []
    found: list[tuple[int, int]] = []  # (position, size) of everything that may be pixels
    in_labels = columns_first = False
    before = ""
    for opcode, value, position in tokens:
        text = value.decode("latin-1") if isinstance(value, bytes) and len(value) < PIXEL_BYTES else value
        in_labels = text == label_key or (in_labels and opcode.name in _IN_A_LIST)
        if in_labels and opcode.name in _INTEGERS:
            labels.append(value)
        elif opcode.name in _BYTES_AT and value and len(value) % PIXEL_BYTES == 0:
            found.append((position + _BYTES_AT[opcode.name], len(value)))
            columns_first |= before == "NEWTRUE"
        columns_first |= text == "F" and bool(found)
        if opcode.name not in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            before = opcode.name
    if not labels:
        raise DataFileError(path, f"holds no list named {label_key!r}; {_REMEDY}")
    places = [place for place, size in found if size == len(labels) * PIXEL_BYTES]
    if len(places) != 1 or columns_first:
        raise DataFileError(
            path, f"does not hold the pixels of its {len(labels)} pictures as one row of bytes each; {_REMEDY}"
        )
    return places[0], np.array(labels, dtype=np.int64)
