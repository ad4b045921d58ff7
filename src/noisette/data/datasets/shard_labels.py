"""The label cells of one group of a tar shard: its .cls and .json members, read in place."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from noisette.data.datasets.cells import cell_text
from noisette.data.datasets.file_names import is_usable
from noisette.data.datasets.shard_groups import ShardGroup
from noisette.data.datasets.split_names import split_name
from noisette.data.images.tar_index import TarMember
from noisette.data.rows import BadRowError

LABEL_FIELDS = ("given_label", "label", "class", "class_name", "class_label")
"""Fields of a .json that are looked at for the label, the first first."""

_MOST_BYTES = 16 << 20
_FURTHER = ("verification_label", "correct_label")


def read_label_cells(
    file: BinaryIO, group: ShardGroup, label_field: str | None, split: str = "train"
) -> dict[str, Any]:
    """Give given_label and split, and where there are any verification_label and correct_label.

    Args:
        file: the shard, open for reading.
        group: the group.
        label_field: the field of the .json that holds the label; it comes before a .cls. None: the .cls, else the
            first of `LABEL_FIELDS`.
        split: the split where the .json names none.

    Raises:
        BadRowError: there is no label, or a member cannot be read.
    """
    fields = _read_json(file, group.members["json"]) if "json" in group.members else None
    cells = {name: fields[name] for name in _FURTHER if name in fields} if fields is not None else {}
    cells["split"] = split_name(cell_text((fields or {}).get("split")), split)
    if not is_usable(cells["split"]):
        raise BadRowError("unusable split", repr(cells["split"]))
    if "cls" in group.members and (label_field is None or label_field not in (fields or {})):
        return cells | {"given_label": _read_text(file, group.members["cls"]).strip()}
    wanted = LABEL_FIELDS if label_field is None else (label_field,)
    present = [name for name in wanted if name in (fields or {})]
    if fields is None or not present:
        raise BadRowError("no label", _no_label(group, fields, wanted))
    chosen = next((name for name in present if fields[name] is not None), present[0])
    return cells | {"given_label": fields[chosen]}


def _no_label(group: ShardGroup, fields: dict[str, Any] | None, wanted: tuple[str, ...]) -> str:
    links = "".join(f"; .{ending} is a {kind}" for ending, kind in group.skipped.items())
    if fields is None:
        return f"expected a .cls or .json beside the picture, got {', '.join(group.members)}{links}"
    got = ", ".join(sorted(fields))
    shown = got if len(got) <= 300 else got[:297] + "..."
    return f"the .json has no field {', '.join(wanted)}; it has {shown}; name one with --label-field{links}"


def _read_json(file: BinaryIO, member: TarMember) -> dict[str, Any]:
    data = _read(file, member)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadRowError("corrupt json", f"{member.name!r}: {error}") from error
    if not isinstance(found, dict):
        raise BadRowError("corrupt json", f"{member.name!r} must hold fields in braces, got {repr(found)[:40]}")
    return found


def _read_text(file: BinaryIO, member: TarMember) -> str:
    try:
        return _read(file, member).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRowError("invalid UTF-8", f"{member.name!r}") from error


def _read(file: BinaryIO, member: TarMember) -> bytes:
    if member.size > _MOST_BYTES:
        raise BadRowError("huge member", f"{member.name!r} has {member.size:,} bytes, which is no label")
    file.seek(member.offset)
    data = file.read(member.size)
    if len(data) < member.size:
        raise BadRowError("truncated member", f"{member.name!r}")
    return data
