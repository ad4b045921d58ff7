"""What the name of a file tells: a picture, a hidden file, or a name that no list of samples can hold."""

from __future__ import annotations

import re

PICTURE_ENDINGS = frozenset(
    "apng avif avifs bmp dds dib gif ico j2c j2k jfif jp2 jpc jpe jpeg jpf jpg jpx pbm pcx pfm pgm png pnm ppm qoi sgi "
    "tga tif tiff webp".split()
)
"""Endings, in small letters, of the kinds of pictures that Pillow reads."""

_HIDDEN = frozenset(("thumbs.db", "desktop.ini", "__macosx", "@eadir"))
# Control characters, line breaks of any kind, and the surrogates that stand for bytes that are not UTF-8.
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def is_picture(name: str) -> bool:
    """Tell by its ending whether a file is a picture."""
    return name.rpartition(".")[2].lower() in PICTURE_ENDINGS and "." in name


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is one that systems make for themselves, and people do not see."""
    return name.startswith(".") or name.lower() in _HIDDEN


def is_usable(text: str) -> bool:
    """Tell whether a path or name can be written into a list: valid UTF-8 without control characters."""
    return _UNUSABLE.search(text) is None


def printable(text: str) -> str:
    r"""Give a text with what cannot be printed as escapes.

    Example:
        >>> print(printable("a\nb.jpg"))
        a\nb.jpg
    """
    return _UNUSABLE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return found[0].encode("unicode_escape").decode("ascii")
