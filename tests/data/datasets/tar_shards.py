"""Small tar shards as the tools of other people write them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_tar(path: Path, members: Mapping[str, bytes | str] | list[tuple[str, bytes | str]]) -> Path:
    """Write members in the given order; a text is the target of a symbolic link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", encoding="utf-8", errors="surrogateescape") as archive:
        for name, data in members.items() if isinstance(members, Mapping) else members:
            info = tarfile.TarInfo(name)
            info.mode, info.uname, info.gname = 0o444, "bigdata", "bigdata"
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def img2dataset_members(number: int, **columns: Any) -> dict[str, bytes]:
    """Give the members of one sample as img2dataset writes them: sorted endings, and its fields in the .json."""
    key = f"{number:09d}"
    fields = {
        "caption": f"picture {number}",
        "url": f"https://example.org/{number}.png",
        "key": key,
        "status": "success",
        "error_message": None,
        "width": 64,
        "height": 64,
        "original_width": 80,
        "original_height": 60,
        "exif": "{}",
        "sha256": "0" * 64,
        **columns,
    }
    return {
        f"{key}.jpg": f"jpeg {number}".encode(),
        f"{key}.json": json.dumps(fields, indent=4).encode(),
        f"{key}.txt": f"picture {number}".encode(),
    }
