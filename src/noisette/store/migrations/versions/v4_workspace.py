"""Version 4: which workspace the decisions belong to; "" until one opens the database."""

from __future__ import annotations

from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Add the fact; nobody has claimed the database yet."""
    op.execute("INSERT INTO about (name, value) VALUES ('workspace', '')")
