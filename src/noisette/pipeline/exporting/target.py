"""Where an export may go, and how it gets there: built beside its place, moved there when whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from noisette.data.exports import Journal
from noisette.data.images.uris import Piece, parse_uri
from noisette.errors import DataFileError, InvalidInputError
from noisette.files import atomic_open
from noisette.pipeline.workspace import Workspace

RULE_FILE = "noisette-export.json"
"""In every export: what made it. Its presence makes a folder an export."""

UNFINISHED = "noisette-export.unfinished.json"
JOURNAL = "noisette-export.shards.jsonl"

_OWN_NAMES = (
    "noisette.toml classes.txt samples.parquet skipped.txt reviews.sqlite features references verifiers scores "
    "evaluation report models"
).split()
_FROM_SYSTEMS = {".ds_store", "thumbs.db", "desktop.ini"}


class ExportTarget:
    """The folder of an export, the one it is built in, and the one its predecessor waits in.

    Args:
        path: the folder that was asked for; symbolic links are followed.

    Raises:
        InvalidInputError: it is the root of a disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        if not self.path.name or os.path.ismount(self.path):
            raise InvalidInputError(f"{self.path} is the root of a disk; name a new folder in it")
        self.partial = self.path.with_name(self.path.name + ".partial")
        self.replaced = self.path.with_name(self.path.name + ".replaced")

    def check(self, workspace: Workspace, image_root: Path, uris: Iterable[str]) -> None:
        """Refuse a place that holds anything of the source, the workspace, or of anybody else.

        Raises:
            InvalidInputError: it does; the message names it.
        """
        root = workspace.root.resolve()
        outside = _folders_outside(image_root, uris)
        for folder in (self.path, self.partial, self.replaced):
            _check_apart(folder, root, image_root, outside)
        self._check_in_workspace(root, image_root, uris)
        self._check_replaceable(self.path)
        for folder in (self.partial, self.replaced):
            self._check_ours(folder)

    def begin(self, made_by: dict[str, Any]) -> Journal:
        """Make the folder to build in, or take up what a stopped export by the same rule left; give its journal.

        Raises:
            OSError: the folder cannot be made.
        """
        self._recover()
        marker = self.partial / UNFINISHED
        if _read_json(marker) != made_by or not self._has_all_shards():
            _remove(self.partial)
            self.partial.mkdir(parents=True)
            with atomic_open(marker) as file:
                file.write(_text(made_by))
        return Journal(self.partial / JOURNAL)

    def finish(self, rule_file: dict[str, Any]) -> None:
        """Write the rule file and move the export to its place; a former export that is there is deleted."""
        names = sorted({entry.name for entry in self.partial.iterdir()} - {UNFINISHED, JOURNAL, RULE_FILE})
        with atomic_open(self.partial / RULE_FILE) as file:
            file.write(_text(rule_file | {"entries": [*names, RULE_FILE]}))
        (self.partial / JOURNAL).unlink(missing_ok=True)
        (self.partial / UNFINISHED).unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()
        if self.path.exists():
            self.path.replace(self.replaced)
        self.partial.replace(self.path)
        _remove(self.replaced)

    def _recover(self) -> None:
        """Undo what a process killed while it moved folders left behind."""
        if not self.replaced.exists():
            return
        if self.path.exists():
            _remove(self.replaced)
        else:
            self.replaced.replace(self.path)

    def _has_all_shards(self) -> bool:
        """Tell whether the shards in the journal have their working names: not so if killed while they got others."""
        return all((self.partial / file).is_file() for file in Journal(self.partial / JOURNAL).files())

    def _check_in_workspace(self, root: Path, image_root: Path, uris: Iterable[str]) -> None:
        if not self.path.is_relative_to(root):
            return
        first = self.path.relative_to(root).parts[0]
        taken = {name.casefold() for name in _OWN_NAMES}
        if image_root == root:
            taken |= {_file_of(uri).split("/", 1)[0].casefold() for uri in uris}
        if first.casefold() in taken or first.casefold().startswith("reviews.sqlite"):
            raise InvalidInputError(
                f"{self.path} would lie in {first!r}, which belongs to the workspace; choose another name"
            )

    def _check_replaceable(self, folder: Path) -> None:
        """Refuse a folder with anything in it that no export of ours put there."""
        if not folder.exists():
            return
        if not folder.is_dir():
            raise InvalidInputError(f"{folder} is a file; name a folder that is new, empty, or a former export")
        present = {entry.name for entry in folder.iterdir()}
        if not present or UNFINISHED in present:
            return
        written = _read_json(folder / RULE_FILE)
        if written is None or "entries" not in written:
            raise InvalidInputError(
                f"{folder} is not empty and no export of noisette (it has no {RULE_FILE}); choose another folder"
            )
        foreign = sorted(name for name in present - set(written["entries"]) if name.lower() not in _FROM_SYSTEMS)
        if foreign:
            raise InvalidInputError(
                f"{folder} is a former export, and would be replaced with all that is in it; {foreign[0]!r} was not "
                "written by it; move that away, or choose another folder"
            )

    def _check_ours(self, folder: Path) -> None:
        if folder.exists() and not (folder.is_dir() and _is_ours(folder)):
            raise InvalidInputError(f"{folder} is in the way and no export of noisette; move it, or export elsewhere")


def _check_apart(folder: Path, root: Path, image_root: Path, outside: set[Path]) -> None:
    if root.is_relative_to(folder):
        raise InvalidInputError(f"{folder} holds the workspace {root}; choose a folder that holds nothing else")
    # A workspace may be the root of its pictures; which of its folders hold some is looked at apart.
    for source in outside | ({image_root} - {root}):
        if source.is_relative_to(folder):
            raise InvalidInputError(f"{folder} holds the pictures that are to be exported; choose another folder")
        if folder.is_relative_to(source):
            raise InvalidInputError(
                f"{folder} lies in {source}, where the pictures are, which is never written to; choose a folder "
                "elsewhere"
            )


def _folders_outside(image_root: Path, uris: Iterable[str]) -> set[Path]:
    """Give the folders of pictures that, by a link or an absolute path, do not lie below their root after all."""
    parents = {_file_of(uri).rpartition("/")[0] for uri in uris}
    folders = {(image_root / parent).resolve() for parent in parents}
    return {folder for folder in folders if not folder.is_relative_to(image_root)}


def _file_of(uri: str) -> str:
    if "://" not in uri:
        return uri
    place = parse_uri(uri)
    if isinstance(place, str):
        return place
    return place.path if isinstance(place, Piece) else ""


def _is_ours(folder: Path) -> bool:
    names = {entry.name for entry in folder.iterdir()}
    return not names or bool(names & {RULE_FILE, UNFINISHED}) or all(name.startswith(UNFINISHED) for name in names)


def _remove(folder: Path) -> None:
    """Delete a folder of ours; links in it are deleted, never followed."""
    if folder.exists():
        shutil.rmtree(folder)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataFileError(path, f"is damaged ({error}); delete the folder it is in, and export again") from error
    return found if isinstance(found, dict) else None


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
