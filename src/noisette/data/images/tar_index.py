"""The members of a tar file and where their bytes lie, read from the headers alone: nothing is unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from noisette.errors import DataFileError

_CHUNK = 1 << 20
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_UNPACK = "is compressed; unpack it to a plain .tar, in which members can be found without reading the rest"


class TarMember(NamedTuple):
    """One file in a tar: `size` bytes at `offset`. Bytes of `name` that are not UTF-8 are surrogate escapes."""

    name: str
    offset: int
    size: int


def _nobody(_name: str, _kind: str) -> None:
    """Report a member to nobody."""


def iter_tar_members(path: str | Path, *, on_skipped: Callable[[str, str], None] = _nobody) -> Iterator[TarMember]:
    """Yield the files of an uncompressed tar in their order.

    Args:
        path: the tar file.
        on_skipped: called with (name, what it is) for each member that is neither a file nor a folder: links, devices,
            sparse files.

    Raises:
        DataFileError: the file is missing, no tar, compressed, damaged, or cut off; the members before the damage were
            yielded.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if file.read(6).startswith(_PACKED):
                raise DataFileError(path, _UNPACK)
            file.seek(0)
            yield from _members(path, file, on_skipped)
    except FileNotFoundError:
        raise DataFileError(path, "does not exist; check the path") from None
    except IsADirectoryError:
        raise DataFileError(path, "is a folder; name a tar file") from None
    except OSError as error:
        raise DataFileError(path, f"cannot be read ({error.strerror or error})") from error


def _members(path: Path, file: BinaryIO, on_skipped: Callable[[str, str], None]) -> Iterator[TarMember]:
    end = file.seek(0, 2)
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every member: memory without end
                if member.size < 0:  # would send tarfile back, and round for ever
                    raise DataFileError(path, f"is damaged: member {member.name!r} has a negative size; fetch it again")
                if not member.isdir() and (not member.isfile() or member.issparse()):
                    on_skipped(member.name, _what(member))
                elif member.isfile():
                    if member.offset_data + member.size > end:
                        raise DataFileError(path, f"is cut off within member {member.name!r}; fetch it again")
                    yield TarMember(member.name, member.offset_data, member.size)
            _check_end(path, file, archive.offset)
    except DataFileError:
        raise
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:  # a damaged header may be any of these
        raise DataFileError(path, f"is no tar file, or damaged or cut off ({error}); fetch it again") from error


def _what(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return f"link to {member.linkname!r}"
    return "sparse file" if member.issparse() else "device"


def _check_end(path: Path, file: BinaryIO, offset: int) -> None:
    """Tell the end mark of a tar from a header that is missing or damaged: tarfile ends in silence at any of them."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise DataFileError(path, f"is cut off at byte {offset}: it has no end mark; fetch it again")
    if block.strip(b"\0"):
        raise DataFileError(path, f"is damaged at byte {offset}: there is no header of a member; fetch it again")
    while chunk := file.read(_CHUNK):
        if chunk.strip(b"\0"):
            raise DataFileError(
                path, f"goes on after its end mark at byte {offset}; join tars with tar --concatenate, not one by one"
            )
