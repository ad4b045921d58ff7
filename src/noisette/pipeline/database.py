"""Another database for the decisions of a workspace: `--database`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from noisette.pipeline.workspace import Workspace, keep_settings, with_settings
from noisette.store import ReviewStore, without_password


@dataclass(frozen=True)
class Move:
    """Where the decisions are now (without the password), where they were, and how many rows came along."""

    name: str
    before: str
    copied: int


def use_database(workspace: Workspace, url: str | None) -> tuple[Workspace, Move | None]:
    """Keep the decisions of a workspace in another database from now on.

    `noisette.toml` names it afterwards, without its password: the commands to come take that from $NOISETTE_DATABASE (a
    whole URL) or from where PostgreSQL's clients look ($PGPASSWORD, ~/.pgpass). A database that is empty gets the
    decisions there are; the one they were in stays as it is.

    Args:
        workspace: the workspace.
        url: such as ``postgresql+psycopg://USER:PASSWORD@HOST/DATABASE``; None leaves everything as it is.

    Returns:
        The workspace as it is used from now on, and what was done; None where it used that database already.

    Raises:
        WorkspaceError: one of the two databases cannot be used; nothing is changed.
    """
    if url is None:
        return workspace, None
    moved = replace(workspace, database_url=url)
    named = without_password(url)
    if workspace.database and without_password(workspace.database) == named:
        _keep(moved, named)
        return moved, None
    with workspace.reviews() as before, ReviewStore(url) as store:
        move = Move(store.name, before.name, store.copy_from(before))
    _keep(moved, named)
    return moved, move


def _keep(workspace: Workspace, named: str) -> None:
    keep_settings(with_settings(workspace, store={"database": named}))
