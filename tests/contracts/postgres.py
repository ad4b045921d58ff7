"""A PostgreSQL server for tests: the one that $NOISETTE_TEST_POSTGRES names, else a temporary one."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

VARIABLE = "NOISETTE_TEST_POSTGRES"


def missing_postgres() -> str | None:
    """Say why there is no PostgreSQL here; None where there is one."""
    if os.environ.get(VARIABLE):
        return None
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return 'psycopg is not installed; `pip install "noisette[postgres]"` brings it'
    if _binaries() is None:
        return f"PostgreSQL is not installed (`apt-get install postgresql`), and ${VARIABLE} names no server"
    if os.name != "posix" or (os.geteuid() == 0 and not _has_user("postgres")):
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


@contextmanager
def postgres_server() -> Iterator[str]:
    """Give the URL of a server in which databases can be made; a temporary one is stopped and deleted at the end."""
    if named := os.environ.get(VARIABLE):
        yield named
        return
    binaries = _binaries()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="noisette-pg-"))  # a short path: a socket's name has at most 107 bytes
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    data, port = folder / "data", _free_port()
    options = f"-k {folder} -p {port} -c listen_addresses='' -c max_connections=50"
    control = [*as_user, f"{binaries / 'pg_ctl'}", "-D", f"{data}", "-w"]
    try:
        initdb = [*as_user, f"{binaries / 'initdb'}", "-D", f"{data}", "-U", "noisette", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, cwd=folder)
        start = [*control, "-l", f"{folder / 'log'}", "-t", "60", "-o", options, "start"]
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        yield f"postgresql+psycopg://noisette@/postgres?host={folder}&port={port}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_database(server: str) -> Iterator[str]:
    """Give the URL of an empty database, dropped at the end."""
    name = f"noisette_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()


@contextmanager
def own_database() -> Iterator[str]:
    """Give the URL of an empty database for a benchmark, which ends with a word of why where there is no PostgreSQL."""
    if missing := missing_postgres():
        raise SystemExit(missing)
    with postgres_server() as server, postgres_database(server) as url:
        yield url


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return None if elsewhere is None else Path(elsewhere).resolve().parent


def _has_user(name: str) -> bool:
    import pwd  # not on Windows

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
