"""Another database for the decisions of a workspace: `--database`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from noisette.pipeline.workspace import Workspace, keep_settings, with_settings
from noisette.store import ReviewStore, sqlite_url, without_password


@dataclass(frozen=True)
class Move:
    """Where the decisions are now (without the password), where they were, and how many rows came along."""

    name: str
    before: str
    copied: int


def use_database(workspace: Workspace, url: str | None, *, take_over: bool = False) -> tuple[Workspace, Move | None]:
    """Keep the decisions of a workspace in another database from now on.

    `noisette.toml` names it afterwards, without its password: the commands to come take that from $NOISETTE_DATABASE (a
    whole URL) or from where PostgreSQL's clients look ($PGPASSWORD, ~/.pgpass). A database that is empty gets the
    decisions there are; the one they were in stays as it is.

    Args:
        workspace: the workspace.
        url: such as ``postgresql+psycopg://USER:PASSWORD@HOST/DATABASE``; None leaves everything as it is.
        take_over: use the database although it belongs to another workspace, which it does no longer.

    Returns:
        The workspace as it is used from now on, and what was done; None where it used that database already.

    Raises:
        WorkspaceError: one of the two databases cannot be used, or belongs to another workspace; nothing is changed.
    """
    if url is None:
        return workspace, None
    moved = replace(workspace, database_url=url)
    named = without_password(url)
    source = _before(workspace, named)
    if source is None:
        _keep(moved, named)
        return moved, None
    with source.reviews() as before, ReviewStore(url, workspace.identity, take_over=take_over) as store:
        move = Move(store.name, before.name, store.copy_from(before))
    _keep(moved, named)
    return moved, move


def _before(workspace: Workspace, named: str) -> Workspace | None:
    """Give the workspace with the database that its decisions are in; None where that is the one to be used."""
    if not workspace.database or without_password(workspace.database) != named:
        return workspace
    noted = workspace.settings.store.database
    if noted:
        return None if noted == named else replace(workspace, database_url=noted)
    # $NOISETTE_DATABASE, say, names the new database already: the decisions are in the workspace's file, if anywhere.
    if not workspace.own_database.exists():
        return None
    return replace(workspace, database_url=sqlite_url(workspace.own_database))


def _keep(workspace: Workspace, named: str) -> None:
    keep_settings(with_settings(workspace, store={"database": named}))
