"""Where the members of tar shards lie, with only the shards used last in memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from noisette.data.images.tar_index import TarMember, iter_tar_members
from noisette.data.rows import BadRowError
from noisette.errors import DataFileError

_MOST_MEMBERS = 500_000


@dataclass
class _Shard:
    """Members by name; what other members are; and what is wrong with the shard, if anything is."""

    members: dict[str, TarMember] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    problem: str = ""


class ShardIndex:
    """Finds members by their names; a shard is read through once, as long as it stays in memory.

    Args:
        root: the folder that shards are relative to.
        most_members: members kept in memory, over all shards; the last shard is always kept.
    """

    def __init__(self, root: Path, most_members: int = _MOST_MEMBERS) -> None:
        self._root, self._most = root, most_members
        self._shards: OrderedDict[str, _Shard] = OrderedDict()
        self._size = 0

    def find(self, shard: str, member: str) -> TarMember:
        """Find a member (without a leading ``./``); of two of one name the last, as tar does.

        Raises:
            BadRowError: the shard cannot be read, or the member is not in it.
        """
        if shard not in self._shards:
            self._add(shard)
        self._shards.move_to_end(shard)
        found = self._shards[shard]
        if member in found.members:
            return found.members[member]
        if found.problem and not found.members:
            raise BadRowError("unreadable shard", f"{shard!r} {found.problem}")
        if member in found.skipped:
            raise BadRowError("member is no file", f"{member!r} in {shard!r} is a {found.skipped[member]}")
        reason = f"; the shard {found.problem}" if found.problem else ""
        raise BadRowError("no such member", f"{member!r} is not in {shard!r}{reason}")

    def _add(self, shard: str) -> None:
        found = _read(self._root / shard)
        self._shards[shard] = found
        self._size += len(found.members)
        while self._size > self._most and len(self._shards) > 1:
            self._size -= len(self._shards.popitem(last=False)[1].members)


def _read(path: Path) -> _Shard:
    shard = _Shard()

    def skip(name: str, kind: str) -> None:
        shard.skipped[name.removeprefix("./")] = kind

    try:
        for member in iter_tar_members(path, on_skipped=skip):
            shard.members[member.name.removeprefix("./")] = member
    except DataFileError as error:
        shard.problem = error.reason
    return shard
