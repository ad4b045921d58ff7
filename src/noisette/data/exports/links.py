"""Pictures put into a folder as copies or links, so that nothing is ever written through a link into the source."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from noisette.data.exports.pictures import Picture
from noisette.data.exports.records import Link
from noisette.errors import InvalidInputError
from noisette.files import flush_folder

_TEMPORARY = "noisette-export.picture"


class PictureFiles:
    """Puts pictures into an export.

    Args:
        folder: the export.
        link: how a picture that is a file of its own gets there.
    """

    def __init__(self, folder: Path, link: Link) -> None:
        self._link = link
        self._temporary = folder / _TEMPORARY
        self._folder = folder
        self._made: set[Path] = set()
        self._copies: list[Path] = []
        self._touched: set[Path] = set()

    def put(self, path: Path, picture: Picture) -> None:
        """Make the file or link `path`; one that is there already, left by a stopped export, goes."""
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        self._touched.add(path.parent)
        if self._link == "copy" or picture.source is None:
            self._copy(path, picture.data)
        else:
            self._make_link(path, picture.source)

    def flush(self) -> None:
        """Bring to the disk what was put since the last time: the copies, then the folders with their names."""
        for path in self._copies:  # only now: most have reached the disk by themselves meanwhile
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        for folder in sorted(set().union(*map(self._up_from, self._touched))):
            flush_folder(folder)
        self._copies.clear()
        self._touched.clear()

    def _up_from(self, folder: Path) -> list[Path]:
        """Give a folder and those that hold it, as far as the export: they may be new too."""
        return [folder, *(above for above in folder.parents if above.is_relative_to(self._folder))]

    def _copy(self, path: Path, data: bytes) -> None:
        # Never open what is there: it may be a hard link to the source. "x" refuses to.
        self._temporary.unlink(missing_ok=True)
        with self._temporary.open("xb") as file:
            file.write(data)
        self._temporary.replace(path)
        self._copies.append(path)

    def _make_link(self, path: Path, source: Path) -> None:
        path.unlink(missing_ok=True)
        try:
            if self._link == "hard":
                os.link(os.path.realpath(source), path)  # a link to a symbolic link would be one too
            else:
                path.symlink_to(source.absolute())
        except OSError as error:
            raise _link_error(self._link, source, error) from error


def _link_error(link: Link, source: Path, error: OSError) -> InvalidInputError:
    if error.errno == errno.EXDEV:
        return InvalidInputError(
            f"--link hard: {source} is on another file system than the export, and hard links cannot leave theirs; "
            "choose a folder beside the pictures, or --link copy or sym"
        )
    reason = error.strerror or str(error)
    return InvalidInputError(f"--link {link}: no link to {source} can be made ({reason}); use --link copy")
