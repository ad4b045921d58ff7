"""The connection to the review database: SQLite in WAL mode by default, another database by URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from noisette.errors import DataFileError, NoisetteError, WorkspaceError
from noisette.store.review_checkpoints import INTERVAL, LARGEST_LOG, Checkpoints
from noisette.store.review_models import SCHEMA_VERSION, AboutRow

_WAIT_SECONDS = 60
_WRITE_LOCK = 0x6E6F697365747465  # "noisette" in ASCII: the number of our lock in a PostgreSQL database
_OLD_VERSIONS = tuple(str(version) for version in range(1, SCHEMA_VERSION))

_SCHEMA_VERSION = select(AboutRow.value).where(AboutRow.name == "schema_version")
_OWNER = select(AboutRow.value).where(AboutRow.name == "workspace")


class ReviewDatabase:
    """An engine, its sessions, and the version of its schema.

    Args:
        url_or_path: a path of a SQLite file (made if missing), or a database URL.
        workspace_id: of the workspace whose decisions it holds; "" = whoever's. The first one that opens it keeps it.
        take_over: it belongs to this workspace from now on, whomever it belonged to.

    Raises:
        DataFileError: the file is no review database, or a later version wrote it.
        WorkspaceError: the database cannot be opened, or belongs to another workspace.
    """

    def __init__(self, url_or_path: str | Path, workspace_id: str = "", *, take_over: bool = False) -> None:
        self.url = _as_url(url_or_path)
        self.name = self.url.database or str(self.url) if self._is_sqlite else self.url.render_as_string(True)
        self._engine = _make_engine(self.url)
        self._checkpoints: Checkpoints | None = None
        try:
            self._prepare_schema()
            if workspace_id:
                self._claim(workspace_id, take_over)
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def _is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def session_scope(self, *, write: bool = False) -> Iterator[Session]:
        """Give a session: committed at the end, rolled back on an error, SQLAlchemy's errors turned into ours.

        `write` takes the one write lock of the database at the start, so that what is read inside stays true until the
        commit, and rows become visible in the order of their numbers: who asks for all after the last one misses none.
        """
        try:
            with self._engine.connect().execution_options(noisette_write=write) as connection:
                with Session(connection, expire_on_commit=False) as session, session.begin():
                    yield session
                connection.commit()
            checkpoints = self._checkpoints  # which `close` may take away meanwhile
            if write and checkpoints is not None:
                checkpoints.after_write()
        except SQLAlchemyError as error:
            raise self._translated(error) from error

    def checkpoint_beside(self, interval: float = INTERVAL) -> None:
        """Keep checkpoints out of commits from now on, see `Checkpoints`: for who writes often and is waited for."""
        if not self._is_sqlite or self.url.database in (None, "", ":memory:") or self._checkpoints is not None:
            return
        event.listen(self._engine, "connect", _set_log_limit)
        self._engine.dispose()  # connections of before have the usual limit
        self._checkpoints = Checkpoints(str(self.url.database), interval)

    def close(self) -> None:
        """Close all connections."""
        if self._checkpoints is not None:
            self._checkpoints.stop()
            self._checkpoints = None
        self._engine.dispose()

    def _prepare_schema(self) -> None:
        with self.session_scope() as session:
            tables = inspect(session.connection()).get_table_names()
        if tables and "about" not in tables:
            raise DataFileError(self.name, f"is a database of something else (tables {', '.join(sorted(tables))})")
        version = self._schema_version() if tables else None
        if not tables or version in _OLD_VERSIONS:
            from noisette.store.review_upgrade import (
                upgrade_schema,  # Alembic takes a while to load, and is rarely needed
            )

            with self.session_scope(write=True) as session:
                upgrade_schema(session.connection())
            version = self._schema_version()
        if version != str(SCHEMA_VERSION):
            reason = f"has schema version {version}, this version of noisette knows {SCHEMA_VERSION}; upgrade noisette"
            raise DataFileError(self.name, reason)

    def _schema_version(self) -> str | None:
        with self.session_scope() as session:
            return session.scalar(_SCHEMA_VERSION)

    def _claim(self, workspace_id: str, take_over: bool) -> None:
        """Let the database belong to a workspace; two that try at once do it one after the other."""
        with self.session_scope() as session:
            if session.scalar(_OWNER) == workspace_id:
                return
        with self.session_scope(write=True) as session:
            owner = session.scalar(_OWNER)
            if owner and owner != workspace_id and not take_over:
                raise WorkspaceError(
                    f"the review database {self.name} holds the decisions of another workspace (number {owner}, this "
                    f"one is {workspace_id}); name an empty database with --database URL, or, if it holds decisions on "
                    f"this workspace's samples, run `noisette labels repair --take-over`, with the same --database "
                    f"if you gave one"
                )
            session.execute(update(AboutRow).where(AboutRow.name == "workspace").values(value=workspace_id))

    def _translated(self, error: SQLAlchemyError) -> NoisetteError:
        reason = str(getattr(error, "orig", None) or error)
        if "not a database" in reason or "malformed" in reason:
            return DataFileError(self.name, f"is not a review database, or is damaged ({reason})")
        return WorkspaceError(f"the review database {self.name} cannot be used ({reason})")


def without_password(url: str) -> str:
    """Give a database URL as it may be written down: without its password.

    Raises:
        WorkspaceError: it is no URL of a database that can be used.

    Example:
        >>> without_password("postgresql://ann:secret@host/labels")
        'postgresql+psycopg://ann@host/labels'
    """
    if "://" not in url:
        raise WorkspaceError(
            f"{url!r} is no database URL; name it as postgresql+psycopg://USER@HOST/DATABASE or sqlite:////PATH"
        )
    parsed = _as_url(url)
    query = {name: value for name, value in parsed.query.items() if name != "password"}
    bare = URL.create(parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database, query)
    return bare.render_as_string(hide_password=False)


def sqlite_url(path: Path) -> str:
    """Give the URL of a SQLite file, whatever characters its path has."""
    return _as_url(path).render_as_string()


def _as_url(url_or_path: str | Path) -> URL:
    if isinstance(url_or_path, str) and "://" in url_or_path:
        try:
            url = make_url(url_or_path)
        except ArgumentError as error:
            raise WorkspaceError(f"{url_or_path!r} is no database URL ({error})") from error
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() not in ("sqlite", "postgresql"):
            raise WorkspaceError(
                f"the database must be SQLite or PostgreSQL, got {url.render_as_string(True)}; name it as "
                f"postgresql+psycopg://USER@HOST/DATABASE"
            )
        return url
    path = Path(url_or_path)
    if path.is_dir():
        raise DataFileError(path, "is a folder; name the database file, such as reviews.sqlite")
    path.parent.mkdir(parents=True, exist_ok=True)
    return URL.create("sqlite", database=str(path))


def _make_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return _make_server_engine(url)
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_server_engine(url: URL) -> Engine:
    name = url.render_as_string(True)
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        remedy = '; `pip install "noisette[postgres]"` brings it' if error.name == "psycopg" else ""
        reason = f"its driver {error.name} is not installed{remedy}"
        raise WorkspaceError(f"the database {name} cannot be used: {reason}") from error
    except SQLAlchemyError as error:
        raise WorkspaceError(f"the database {name} cannot be used ({error})") from error
    if url.get_backend_name() == "postgresql":
        event.listen(engine, "begin", _begin_postgresql)
    return engine


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("noisette_write", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions behind our back; `_begin_sqlite` does
    cursor = connection.cursor()
    # 32 MB of pages at most: with the 2 MB that are usual, a large import writes the same pages again and again.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -32000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _set_log_limit(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint = {LARGEST_LOG}")


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("noisette_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
