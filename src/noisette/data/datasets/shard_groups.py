"""The members of a tar shard in groups of one basename, as WebDataset writes and reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from noisette.data.datasets.file_names import PICTURE_ENDINGS, is_hidden
from noisette.data.images.tar_index import TarMember, iter_tar_members
from noisette.errors import DataFileError
from noisette.types import BadRows

_META = re.compile(r"__[^/]*__(/|$)")


@dataclass
class ShardGroup:
    """Adjacent members of one basename.

    Attributes:
        name: the path of the members up to the first dot of the file name.
        members: by their ending, in small letters: "jpg", "json", "cls", "seg.png".
        skipped: by their ending, what the members are that are neither file nor folder.
        is_last_of_cut: the shard breaks off after this group, so that members may be missing.
    """

    name: str
    members: dict[str, TarMember] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    is_last_of_cut: bool = False

    def picture(self) -> TarMember | None:
        """Give the picture: the first with a plain ending such as jpg, else the first of all."""
        pictures = [(end, one) for end, one in self.members.items() if end.rpartition(".")[2] in PICTURE_ENDINGS]
        return min(pictures, key=lambda pair: "." in pair[0])[1] if pictures else None


class ShardError(Exception):
    """A shard cannot be read to its end; raised after its groups were yielded."""


def iter_groups(path: Path, bad_rows: BadRows) -> Iterator[ShardGroup]:
    """Yield the groups of a shard in its order; hidden members and WebDataset's own are left out.

    Raises:
        ShardError: the shard is missing, no tar, compressed, damaged or cut off; what was before that was yielded.
    """
    group: ShardGroup | None = None
    try:
        for name, member in _members(path):
            basename, ending = _parts(name)
            if _is_hidden(name):
                bad_rows.leave_out("hidden file")
                continue
            if group is None or group.name != basename or ending in group.members or ending in group.skipped:
                if group is not None:
                    yield group
                group = ShardGroup(basename)
            if isinstance(member, str):
                group.skipped[ending] = member
            else:
                group.members[ending] = member
    except DataFileError as error:
        if group is not None:
            group.is_last_of_cut = True
            yield group
        raise ShardError(error.reason) from error
    if group is not None:
        yield group


def _members(path: Path) -> Iterator[tuple[str, TarMember | str]]:
    """Yield name and member, or name and what it is where it is no file, in the order of the tar."""
    skipped: list[tuple[str, str]] = []
    found = iter_tar_members(path, on_skipped=lambda name, kind: skipped.append((name, kind)))
    for member in chain(found, [None]):
        yield from skipped
        skipped.clear()
        if member is not None:
            yield member.name, member


def _is_hidden(name: str) -> bool:
    parts = [part for part in name.split("/") if part not in (".", "..")]
    return any(map(is_hidden, parts)) or _META.match(name.removeprefix("./")) is not None


def _parts(name: str) -> tuple[str, str]:
    """Split a member's path at the first dot of the file name."""
    folder, slash, file = name.removeprefix("./").rpartition("/")
    start, _, ending = file.partition(".")
    return f"{folder}{slash}{start}", ending.lower()
