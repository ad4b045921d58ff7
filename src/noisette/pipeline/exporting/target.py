"""Where an export may go, and how it gets there: built beside its place, moved there when whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from noisette.data.exports import Journal
from noisette.errors import DataFileError, InvalidInputError
from noisette.files import atomic_open
from noisette.pipeline.exporting.contents import JOURNAL, RULE_FILE, UNFINISHED, find_foreign, list_contents
from noisette.pipeline.exporting.sources import check_apart, file_of, source_folders
from noisette.pipeline.workspace import Workspace

_OWN_NAMES = (
    "noisette.toml classes.txt samples.parquet skipped.txt reviews.sqlite features references verifiers scores "
    "evaluation report models"
).split()
_RUBBISH = {"deleted": True}
"""The mark of a folder that is being deleted."""


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
        sources = source_folders(image_root, uris)
        for folder in (self.path, self.partial, self.replaced):
            check_apart(folder, root, image_root, sources)
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
        """Write the rule file and move the export to its place; a former export that is there is deleted.

        Raises:
            InvalidInputError: something was put into the former export meanwhile.
        """
        self._check_replaceable(self.path)
        contents = list_contents(self.partial)
        with atomic_open(self.partial / RULE_FILE) as file:
            file.write(_text(rule_file | {"contents": contents}))
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
        if self.path.exists() or _read_json(self.replaced / UNFINISHED) == _RUBBISH:
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
            taken |= {file_of(uri).split("/", 1)[0].casefold() for uri in uris}
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
        if written is None or not isinstance(written.get("contents"), dict):
            raise InvalidInputError(
                f"{folder} is not empty and no export of noisette (it has no {RULE_FILE} that lists its contents); "
                "choose another folder"
            )
        foreign = find_foreign(folder, written["contents"])
        if foreign is not None:
            raise InvalidInputError(
                f"{folder} is a former export, and would be replaced with all that is in it; {foreign}; move what is "
                "yours away and delete the rest, or choose another folder"
            )

    def _check_ours(self, folder: Path) -> None:
        if folder.exists() and not (folder.is_dir() and _is_ours(folder)):
            raise InvalidInputError(f"{folder} is in the way and no export of noisette; move it, or export elsewhere")


def _is_ours(folder: Path) -> bool:
    names = {entry.name for entry in folder.iterdir()}
    return not names or bool(names & {RULE_FILE, UNFINISHED}) or all(name.startswith(UNFINISHED) for name in names)


def _remove(folder: Path) -> None:
    """Delete a folder of ours; links in it are deleted, never followed.

    First it is marked as one that nothing is to be taken up from, and the mark goes last: whenever a process is killed,
    what it leaves is known for ours, and for rubbish.
    """
    if not folder.exists():
        return
    marker = folder / UNFINISHED
    with atomic_open(marker) as file:
        file.write(_text(_RUBBISH))
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry != marker:
            entry.unlink()
    marker.unlink()
    folder.rmdir()


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
