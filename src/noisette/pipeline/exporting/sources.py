"""Where the pictures of an export really lie, once every link is followed, so that nothing is written there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from noisette.data.images.uris import HubRow, Piece, parse_uri
from noisette.errors import InvalidInputError

_MAX_LINKS = 40
"""Links that may lead from one to the next; systems give up there too."""


def check_apart(folder: Path, root: Path, image_root: Path, sources: set[Path]) -> None:
    """Refuse a folder that holds the workspace or pictures, or lies where pictures lie.

    Args:
        folder: the folder to write or delete.
        root: the workspace.
        image_root: the folder of the pictures; a workspace may be that.
        sources: other folders of pictures, see `source_folders`.

    Raises:
        InvalidInputError: it does.
    """
    if root.is_relative_to(folder):
        raise InvalidInputError(f"{folder} holds the workspace {root}; choose a folder that holds nothing else")
    # A workspace may be the root of its pictures; which of its folders hold some is looked at apart.
    for source in sources | ({image_root} - {root}):
        if source.is_relative_to(folder):
            raise InvalidInputError(f"{folder} holds the pictures that are to be exported; choose another folder")
        if folder.is_relative_to(source):
            raise InvalidInputError(
                f"{folder} lies in {source}, where the pictures are, which is never written to; choose a folder "
                "elsewhere"
            )


def source_folders(image_root: Path, uris: Iterable[str]) -> set[Path]:
    """Give the folders to which a link or an absolute path leads, of pictures or of the files that hold them.

    A folder is listed once, however many pictures are in it; only links are looked at one by one.
    """
    source = _Source(image_root)
    has_rows = False
    for uri in uris:
        place = parse_uri(uri) if "://" in uri else uri
        if isinstance(place, HubRow):
            has_rows = True
        else:
            source.add(place.path if isinstance(place, Piece) else place)
    if has_rows:  # which of its files holds a row is not known, and they are few
        for path in image_root.rglob("*"):
            source.add(str(path.relative_to(image_root)))
    return source.found


def file_of(uri: str) -> str:
    """Give the path of the file that holds a picture; "" for a row of a Hugging Face data set."""
    place = parse_uri(uri) if "://" in uri else uri
    if isinstance(place, str):
        return place
    return place.path if isinstance(place, Piece) else ""


class _Source:
    """Collects folders; remembers where each folder lies, and which of its entries are links."""

    def __init__(self, root: Path) -> None:
        self.found: set[Path] = set()
        self._root = root
        self._starts: dict[str, tuple[str, frozenset[str]]] = {}
        self._links: dict[str, frozenset[str]] = {}

    def add(self, path: str) -> None:
        """Take note of the folders on the way from a path to its file."""
        parent, name = os.path.split(path)
        if parent not in self._starts:
            plain = self._root / parent
            folder = _real(str(plain))
            if folder != str(plain) or not Path(folder).is_relative_to(self._root):
                self.found.add(Path(folder))
            self._starts[parent] = folder, self._links_in(folder)
        folder, links = self._starts[parent]
        if name in links:
            self._follow(folder, name)

    def _follow(self, folder: str, name: str) -> None:
        for _ in range(_MAX_LINKS):
            try:
                target = Path(folder) / (Path(folder) / name).readlink()
            except OSError:  # gone since the folder was listed
                return
            folder, name = _real(str(target.parent)), target.name
            self.found.add(Path(folder))
            if name not in self._links_in(folder):
                return

    def _links_in(self, folder: str) -> frozenset[str]:
        if folder not in self._links:
            try:
                with os.scandir(folder) as entries:
                    self._links[folder] = frozenset(entry.name for entry in entries if entry.is_symlink())
            except (OSError, ValueError):  # ValueError: a NUL character in a path
                self._links[folder] = frozenset()
        return self._links[folder]


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL character
        return path
