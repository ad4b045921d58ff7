"""Version 1: decisions, and facts about the database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "about",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(255), nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("split", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("given_label", sa.Integer, nullable=False),
        sa.Column("verification_label", sa.Integer, nullable=False),
        sa.Column("correct_label", sa.Integer, nullable=False),
        sa.Column("reviewer", sa.String, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queue", sa.String, nullable=False),
        sa.Column("inclusion_probability", sa.Float),
        sa.Column("identity", sa.String(32), nullable=False, unique=True),
        sa.CheckConstraint("verification_label IN (-1, 0, 1)", name="verification_label_values"),
        sa.CheckConstraint("correct_label >= -2", name="correct_label_values"),
        sqlite_autoincrement=True,
    )
    op.create_index("decisions_by_sample", "decisions", ["split", "key", "id"])
