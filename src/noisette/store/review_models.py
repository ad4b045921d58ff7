"""The tables of the review database. Rows of these classes never leave the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, Dialect, Float, Index, Row, String, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from noisette.errors import InvalidInputError
from noisette.store.review_records import StoredReview
from noisette.types import Review

SCHEMA_VERSION = 4
"""See `migrations/versions`, a file a version; `review_upgrade` brings older databases to it."""


class UtcTime(TypeDecorator[datetime]):
    """A moment, kept in UTC; comes back with its time zone on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To UTC."""
        if value is not None and value.tzinfo is None:
            raise InvalidInputError(f"a time needs its zone, got {value.isoformat()}; use datetime.now(UTC)")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From UTC; SQLite forgets the zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of the tables."""


class AboutRow(Base):
    """Facts about the database itself: `schema_version`, and `workspace`, to which it belongs ("" = to none yet)."""

    __tablename__ = "about"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(255))


class DecisionRow(Base):
    """One decision, or the undoing of one; rows are appended and never changed. `identity` lets none in twice."""

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint("verification_label IN (-1, 0, 1)", name="verification_label_values"),
        CheckConstraint("correct_label >= -2", name="correct_label_values"),
        Index("decisions_by_sample", "split", "key", "id"),
        Index("decisions_undone_once", "undoes", unique=True),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    split: Mapped[str]
    key: Mapped[str]
    given_label: Mapped[int]
    verification_label: Mapped[int]
    correct_label: Mapped[int]
    reviewer: Mapped[str]
    time: Mapped[datetime] = mapped_column(UtcTime)
    queue: Mapped[str]
    inclusion_probability: Mapped[float | None] = mapped_column(Float)
    identity: Mapped[str] = mapped_column(String(32), unique=True)
    seconds: Mapped[float | None] = mapped_column(Float)
    is_bulk: Mapped[bool] = mapped_column(server_default=false())
    model_quality: Mapped[float | None] = mapped_column(Float)
    model_suggestion: Mapped[int | None]
    client_id: Mapped[str] = mapped_column(server_default="")
    undoes: Mapped[int | None]


class StandingRow(Base):
    """The decision that stands for a sample; derived from the decisions, see `review_standing`."""

    __tablename__ = "standing"
    __table_args__ = (
        Index(
            "standing_disputed",
            "decision_id",
            sqlite_where=text("is_disputed = 1"),
            postgresql_where=text("is_disputed"),
        ),
    )

    split: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    decision_id: Mapped[int]
    given_label: Mapped[int]
    verification_label: Mapped[int]
    is_disputed: Mapped[bool]


class ProgressRow(Base):
    """How many samples that carried a given label stand as correct, wrong, unsure; derived from the decisions."""

    __tablename__ = "progress"

    given_label: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    correct: Mapped[int]
    wrong: Mapped[int]
    unsure: Mapped[int]


def review_of(row: Row[Any]) -> Review:
    """Give a row of the decisions as a plain record."""
    return Review(
        key=row.key,
        split=row.split,
        given_label=row.given_label,
        verification_label=row.verification_label,
        correct_label=row.correct_label,
        reviewer=row.reviewer,
        time=row.time,
        queue=row.queue,
        inclusion_probability=row.inclusion_probability,
        seconds=row.seconds,
        is_bulk=row.is_bulk,
        model_quality=row.model_quality,
        model_suggestion=row.model_suggestion,
        client_id=row.client_id,
    )


def stored_review(row: Row[Any]) -> StoredReview:
    """Give a row of the decisions with its number, and that of the one it undoes."""
    return StoredReview(row.id, review_of(row), row.undoes)
