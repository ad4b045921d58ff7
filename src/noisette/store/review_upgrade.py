"""Bringing the review database of an earlier version, or an empty one, to today's schema, a version at a time."""

from __future__ import annotations

from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select, update

from noisette.store.review_models import AboutRow

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade_schema(connection: Connection) -> None:
    """Apply the migrations that are missing; the caller's transaction holds the write lock: all of it or nothing.

    The version is read here, under the lock: another process may have been faster. Databases of versions 1 and 2 say
    theirs in `about` alone; it is kept up to date there, so that an earlier noisette names the remedy.
    """
    scripts = ScriptDirectory(str(_MIGRATIONS))
    context = MigrationContext.configure(connection)
    current = _version(connection)
    missing = list(scripts.iterate_revisions("head", current or "base"))
    with Operations.context(context):
        for script in reversed(missing):
            script.module.upgrade()
    if not missing:
        return
    context.stamp(scripts, "head")
    newest = missing[0].revision
    if current is None:
        connection.execute(insert(AboutRow).values(name="schema_version", value=newest))
    else:
        connection.execute(update(AboutRow).where(AboutRow.name == "schema_version").values(value=newest))


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("about"):
        return None
    return connection.scalar(select(AboutRow.value).where(AboutRow.name == "schema_version"))
