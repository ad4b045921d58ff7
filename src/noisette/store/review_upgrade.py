"""Bringing the review database of an earlier version to today's schema, a version at a time."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from noisette.store.review_models import SCHEMA_VERSION, AboutRow

_STATEMENTS = {"1": ("ALTER TABLE decisions ADD COLUMN seconds FLOAT",)}
"""What leads from each version to the next."""


def is_upgradable(version: str | None) -> bool:
    """Tell whether a database of this version can be brought to today's."""
    return version in _STATEMENTS


def upgrade_schema(session: Session) -> None:
    """Apply what is missing; the caller's transaction holds the write lock, so all of it happens or nothing.

    The version is read here, under the lock: another process may have been faster.
    """
    row = session.get(AboutRow, "schema_version")
    while row is not None and row.value in _STATEMENTS:
        for statement in _STATEMENTS[row.value]:
            session.execute(text(statement))
        row.value = str(int(row.value) + 1)
    session.flush()
    assert row is None or int(row.value) >= SCHEMA_VERSION
