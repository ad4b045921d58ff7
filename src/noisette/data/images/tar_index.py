"""The members of a tar file and where their bytes lie, read from the headers alone: nothing is unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from noisette.errors import DataFileError


class TarMember(NamedTuple):
    """One file in a tar: `size` bytes at `offset`."""

    name: str
    offset: int
    size: int


def iter_tar_members(path: str | Path) -> Iterator[TarMember]:
    """Yield the files of an uncompressed tar in their order.

    Raises:
        DataFileError: the file is missing, no tar, compressed, or cut off; members before the cut were yielded.
    """
    path = Path(path)
    end = path.stat().st_size if path.is_file() else 0
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every member: memory without end
                if not member.isfile():
                    continue
                if member.offset_data + member.size > end:
                    raise DataFileError(path, f"is cut off within member {member.name!r}; fetch it again")
                yield TarMember(member.name, member.offset_data, member.size)
    except FileNotFoundError:
        raise DataFileError(path, "does not exist; check the path") from None
    except (tarfile.TarError, OSError, EOFError) as error:
        reason = "is compressed; unpack it to a plain .tar, in which members can be found" if _is_packed(path) else ""
        raise DataFileError(path, reason or f"is no whole tar file ({error})") from error


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(6)
    return start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"))
