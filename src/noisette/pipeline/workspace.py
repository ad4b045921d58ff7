"""A workspace: one folder that holds what the steps read and write, safe to copy."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from noisette.data import read_class_list, write_class_list
from noisette.errors import WorkspaceError
from noisette.files import atomic_open
from noisette.pipeline.settings import Settings, check_settings, read_settings, write_settings
from noisette.pipeline.workspace_id import IDENTITY_FILE, workspace_id
from noisette.store import ReviewStore

SETTINGS_FILE = "noisette.toml"
ENVIRONMENT_VARIABLE = "NOISETTE_WORKSPACE"
DATABASE_VARIABLE = "NOISETTE_DATABASE"
_UNFINISHED = "unfinished.txt"
EMBEDDED = "embedded"
"""Name of the feature table that `embed` makes."""


@dataclass(frozen=True)
class Workspace:
    """Names and places of everything in a workspace; opening one reads nothing but its settings.

    `database_url`, where it is not empty, goes before every other way to say where the decisions are; it may hold a
    password, and is never written anywhere.
    """

    root: Path
    settings: Settings
    database_url: str = field(default="", repr=False)

    @property
    def classes(self) -> Path:
        """Class names, one a line; a class id is its line number from 0."""
        return self.root / "classes.txt"

    @property
    def samples(self) -> Path:
        """All samples: split, key, uri, given label."""
        return self.root / "samples.parquet"

    @property
    def skipped(self) -> Path:
        """Bad rows that were skipped when the workspace was made, a line each."""
        return self.root / "skipped.txt"

    @property
    def features(self) -> Path:
        """Folder of the feature table in use."""
        return self.root / "features" / self.settings.input.features

    @property
    def has_images(self) -> bool:
        """True if features are made from pictures here, by `embed`; False if they came with the data."""
        return self.settings.input.features == EMBEDDED

    @property
    def export_command(self) -> str:
        """What a person does with the result: a data set to train on, or a table where there are no pictures."""
        return "noisette export cleaned --as imagefolder" if self.has_images else "noisette export quality.csv"

    @property
    def image_root(self) -> Path:
        """Folder that the uris of samples are relative to."""
        return self.root / self.settings.images.root

    def model(self, name: str) -> Path:
        """Folder of a trained classifier."""
        return self.root / "models" / name

    @property
    def rounds(self) -> Path:
        """Folder of what is kept of the rounds of the joint loop."""
        return self.root / "rounds"

    @property
    def references(self) -> Path:
        """References of the feature table in use."""
        return self.root / "references" / f"{self.settings.input.features}.safetensors"

    @property
    def neighbors(self) -> Path:
        """The nearest neighbours of every row of the feature table in use."""
        return self.root / "neighbors" / "neighbors.parquet"

    @property
    def duplicates(self) -> Path:
        """Which rows of the feature table in use show one picture."""
        return self.root / "neighbors" / "duplicates.parquet"

    def verifier(self, name: str) -> Path:
        """Folder of a fitted verifier."""
        return self.root / "verifiers" / name

    def training(self, name: str) -> Path:
        """Checkpoints of a verifier whose training is not finished; gone when it is."""
        return self.root / "verifiers" / f"{name}.training"

    def scores(self, name: str) -> Path:
        """What a verifier says of every label."""
        return self.root / "scores" / f"{name}.parquet"

    @property
    def detection(self) -> Path:
        """Which verifier was chosen and what each was measured at."""
        return self.root / "scores" / "detection.json"

    @property
    def held_out(self) -> Path:
        """Result of the last held-out-class evaluation."""
        return self.root / "evaluation" / "held_out.json"

    @property
    def plan(self) -> Path:
        """The labels to verify next, to be filled in and imported."""
        return self.root / "plan.csv"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.root / "report" / "index.html"

    @property
    def database(self) -> str:
        """URL of the database of decisions; "" for reviews.sqlite in the workspace.

        By `--database`, else $NOISETTE_DATABASE (the place for a password), else `noisette.toml`.
        """
        return self.database_url or os.environ.get(DATABASE_VARIABLE, "") or self.settings.store.database

    def reviews(self, *, take_over: bool = False) -> ReviewStore:
        """Open the review store, the only home of verification labels.

        `take_over`: the database belongs to this workspace from now on, whomever it belonged to.

        Raises:
            WorkspaceError: the workspace is finished, and its store is gone: to go on without would look like success;
                or the database that it names cannot be used, or belongs to another workspace.
        """
        if self.database:
            return self._named_database(take_over)
        if self.is_finished and not self.own_database.exists():
            raise WorkspaceError(
                f"{self.own_database}, the home of all decisions, is gone; put it back from a copy, or, if there were "
                f"none, make an empty file of that name"
            )
        return ReviewStore(self.own_database, self.identity, take_over=take_over)

    def _named_database(self, take_over: bool) -> ReviewStore:
        try:
            return ReviewStore(self.database, self.identity, take_over=take_over)
        except WorkspaceError as error:
            if self.is_finished:
                raise
            # `labels repair` needs a workspace that is finished, and this one cannot be while the database is named.
            raise WorkspaceError(
                f"{error}. To make the workspace without it, unset ${DATABASE_VARIABLE} and run `noisette init` again; "
                f"afterwards name it with --database URL"
            ) from error

    @property
    def own_database(self) -> Path:
        """The file that holds the decisions where no other database is named."""
        return self.root / "reviews.sqlite"

    @property
    def is_finished(self) -> bool:
        """False while the workspace is being made."""
        return (self.root / SETTINGS_FILE).exists()

    @property
    def identity(self) -> str:
        """What tells this workspace from others, see `workspace_id`."""
        return workspace_id(self.root, (self.samples, self.classes), keep=self.is_finished)

    def class_names(self) -> tuple[str, ...]:
        """Read the class names."""
        return read_class_list(self.classes)

    def need(self, path: Path, remedy: str) -> Path:
        """Give `path` if it exists.

        Raises:
            WorkspaceError: it does not; the message names the command that makes it.
        """
        if not path.exists():
            raise WorkspaceError(f"{path.relative_to(self.root).as_posix()} is not there yet; run `{remedy}` first")
        return path


def create_workspace(root: Path, settings: Settings, class_names: tuple[str, ...]) -> Workspace:
    """Make the folder with its class names, for `finish_workspace` to finish.

    What an earlier attempt that was not finished left behind is replaced, its decisions included.

    Raises:
        WorkspaceError: there is a finished workspace in `root` already, or files of somebody else.
        DataFileError: a class name cannot be written into a list, a line each.
    """
    if (root / SETTINGS_FILE).exists():
        raise WorkspaceError(f"{root} is a workspace already; choose another folder, or delete that one first")
    workspace = Workspace(root, settings)
    decisions = [path for path in root.glob("reviews.sqlite*") if path.is_file()]
    if not (root / _UNFINISHED).exists():
        for path in (workspace.classes, *decisions):
            if path.exists():
                raise WorkspaceError(f"{path} is there already, and would be overwritten; choose another folder")
    with atomic_open(root / _UNFINISHED) as file:
        file.write("This workspace is not finished; run `noisette init` again.\n")
    for path in (*decisions, root / IDENTITY_FILE):
        path.unlink(missing_ok=True)
    write_class_list(workspace.classes, class_names)
    return workspace


def finish_workspace(workspace: Workspace) -> None:
    """Write the settings, last of all: a folder without them is not a workspace yet, and `init` may run again."""
    workspace_id(workspace.root, (workspace.samples, workspace.classes), keep=True)
    write_settings(workspace.root / SETTINGS_FILE, workspace.settings)
    (workspace.root / _UNFINISHED).unlink(missing_ok=True)


def with_settings(workspace: Workspace, **sections: dict[str, Any]) -> Workspace:
    """Give the workspace with some settings replaced (None leaves one as it is); `keep_settings` writes them.

    Raises:
        DataFileError: a value is impossible.
    """
    settings = workspace.settings.with_options(**sections)
    check_settings(workspace.root / SETTINGS_FILE, settings)
    return replace(workspace, settings=settings)


def keep_settings(workspace: Workspace) -> None:
    """Write the settings to `noisette.toml`, where they differ from what is there."""
    path = workspace.root / SETTINGS_FILE
    if read_settings(path) != workspace.settings:
        write_settings(path, workspace.settings)


def open_workspace(path: Path | None = None) -> Workspace:
    """Open the workspace in `path`, else in $NOISETTE_WORKSPACE, else in the nearest folder upwards that is one.

    Raises:
        WorkspaceError: there is none; the message says where it was looked for.
        DataFileError: its settings cannot be read.
    """
    root = _find(path)
    return Workspace(root, read_settings(root / SETTINGS_FILE))


def _find(path: Path | None) -> Path:
    named = path if path is not None else _from_environment()
    if named is not None:
        if not (named / SETTINGS_FILE).is_file():
            raise WorkspaceError(
                f"{named} is not a workspace (no {SETTINGS_FILE} in it); make one with `noisette init`"
            )
        return named
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    raise WorkspaceError(
        f"no workspace: no {SETTINGS_FILE} in {here} or above it; make one with `noisette init`, "
        f"or name one with -w DIR or ${ENVIRONMENT_VARIABLE}"
    )


def _from_environment() -> Path | None:
    value = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(value) if value else None
