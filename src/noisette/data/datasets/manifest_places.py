"""Where the images of a manifest are: paths relative to a root, or members of tar files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noisette.data.datasets.cells import cell_text
from noisette.data.datasets.file_names import is_usable
from noisette.data.datasets.shard_index import ShardIndex
from noisette.data.images.uris import tar_uri
from noisette.data.rows import BadRowError


class ManifestPlaces:
    """Finds the image of a row.

    Args:
        root: the folder that paths are relative to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._shards = ShardIndex(root)
        # An absolute path may name the root by itself or by what a link leads to.
        self._prefixes = [found.as_posix().rstrip("/") + "/" for found in (root.absolute(), root.resolve())]

    def find(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """Give (key, uri) of a row: its key column, else its path, or shard and member.

        Raises:
            BadRowError: the row names no place, or a member that is not there.
        """
        if "path" in cells:
            key = uri = self._relative(cells["path"], "path")
        else:
            shard = self._relative(cells["shard"], "shard")
            member = _checked(cells["member"], "member").removeprefix("./")
            found = self._shards.find(shard, member)
            key, uri = f"{shard}/{member}", tar_uri(found.offset, found.size, member, shard)
        return (_checked(cells["key"], "key") if "key" in cells else key), uri

    def _relative(self, cell: Any, name: str) -> str:
        """Give a path in POSIX form, relative to the root where it is below it."""
        text = _checked(cell, name)
        if "://" in text:
            raise BadRowError("web address for a path", f"{text!r}; fetch the images and name the files")
        if "\\" in text and not _exists(self.root / text):  # a file may have such a name, but most are from Windows
            text = text.replace("\\", "/")
        path = _normal(text)
        path = next((path[len(prefix) :] for prefix in self._prefixes if path.startswith(prefix)), path)
        if not path:
            raise BadRowError(f"empty {name}")
        return path


def _normal(path: str) -> str:
    """Take out what says nothing: ``./`` and double slashes; pathlib does the same ten times slower."""
    if "./" in path or "//" in path or path.endswith((".", "/")):
        start = "/" if path.startswith("/") else ""
        return start + "/".join(part for part in path.split("/") if part not in ("", "."))
    return path


def _checked(cell: Any, name: str) -> str:
    text = cell_text(cell)
    if not text.strip():
        raise BadRowError(f"empty {name}")
    if not is_usable(text):
        raise BadRowError(f"unusable {name}", f"{text!r} is not UTF-8 or holds control characters")
    return text


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long a name
        return False
