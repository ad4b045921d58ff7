"""Version 3: what the review page adds: undo, bulk decisions, what the model said, and what stands kept ready."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from noisette.store.review_standing import rebuild_standing

revision = "3"
down_revision = "2"

_REFUSALS = {
    "sqlite": (
        "CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions "
        "BEGIN SELECT RAISE(ABORT, 'decisions are appended, never changed'); END",
        "CREATE TRIGGER decisions_are_not_deleted BEFORE DELETE ON decisions "
        "BEGIN SELECT RAISE(ABORT, 'decisions are appended, never deleted'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse_to_change_decisions() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'decisions are appended, never changed or deleted'; END $$",
        "CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE OR DELETE ON decisions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_to_change_decisions()",
        "CREATE TRIGGER decisions_are_not_truncated BEFORE TRUNCATE ON decisions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_decisions()",
    ),
}
"""What makes the database itself refuse to change a decision; other databases rely on this package alone."""


def upgrade() -> None:
    """Add columns and tables, derive what stands, and let the database refuse changes."""
    for column in (
        sa.Column("is_bulk", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("model_quality", sa.Float),
        sa.Column("model_suggestion", sa.Integer),
        sa.Column("client_id", sa.String, nullable=False, server_default=""),
        sa.Column("undoes", sa.Integer),
    ):
        op.add_column("decisions", column)
    op.create_index("decisions_undone_once", "decisions", ["undoes"], unique=True)
    op.create_table(
        "standing",
        sa.Column("split", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("decision_id", sa.Integer, nullable=False),
        sa.Column("given_label", sa.Integer, nullable=False),
        sa.Column("verification_label", sa.Integer, nullable=False),
        sa.Column("is_disputed", sa.Boolean, nullable=False),
    )
    op.create_index(
        "standing_disputed",
        "standing",
        ["decision_id"],
        sqlite_where=sa.text("is_disputed = 1"),
        postgresql_where=sa.text("is_disputed"),
    )
    op.create_table(
        "progress",
        sa.Column("given_label", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("correct", sa.Integer, nullable=False),
        sa.Column("wrong", sa.Integer, nullable=False),
        sa.Column("unsure", sa.Integer, nullable=False),
    )
    connection = op.get_bind()
    rebuild_standing(connection)
    for statement in _REFUSALS.get(connection.dialect.name, ()):
        op.execute(statement)
