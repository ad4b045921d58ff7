"""Version 2: how long a decision took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add the column."""
    op.add_column("decisions", sa.Column("seconds", sa.Float))
