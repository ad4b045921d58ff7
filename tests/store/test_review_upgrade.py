import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from noisette.errors import WorkspaceError
from noisette.store import ClassProgress, ReviewCounts, ReviewStore
from noisette.store.review_models import Base
from noisette.types import Review

VERSION_1 = """
CREATE TABLE about (
    name VARCHAR(64) NOT NULL,
    value VARCHAR(255) NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE decisions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    split VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    given_label INTEGER NOT NULL,
    verification_label INTEGER NOT NULL,
    correct_label INTEGER NOT NULL,
    reviewer VARCHAR NOT NULL,
    time DATETIME NOT NULL,
    queue VARCHAR NOT NULL,
    inclusion_probability FLOAT,
    identity VARCHAR(32) NOT NULL,
    CONSTRAINT verification_label_values CHECK (verification_label IN (-1, 0, 1)),
    CONSTRAINT correct_label_values CHECK (correct_label >= -2),
    UNIQUE (identity)
);
CREATE INDEX decisions_by_sample ON decisions (split, "key", id);
INSERT INTO about VALUES ('schema_version', '1');
INSERT INTO decisions VALUES
    (1, 'train', 'a', 3, 0, 7, 'ann', '2026-01-02 03:04:05.000678', 'random', 0.25, 'af4b');
INSERT INTO decisions VALUES
    (2, 'train', 'b', 3, 1, -1, 'import', '2026-01-02 03:04:05.000678', 'import', NULL,
     '{identity}');
"""
VERSION_2 = VERSION_1.replace("identity VARCHAR(32) NOT NULL,", "identity VARCHAR(32) NOT NULL, seconds FLOAT,")
VERSION_2 = VERSION_2.replace("'schema_version', '1'", "'schema_version', '2'")
VERSION_2 = VERSION_2.replace("'af4b')", "'af4b', NULL)").replace("'{identity}')", "'{identity}', NULL)")
VERSION_3 = (Path(__file__).parent / "version_3.sql").read_text(encoding="utf-8")
IDENTITY = "ad9cf6c3c267fd060acddf9f86b6e45b"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
OLD = Review(
    key="a",
    given_label=3,
    verification_label=0,
    correct_label=7,
    reviewer="ann",
    time=NOW,
    queue="random",
    inclusion_probability=0.25,
)
IMPORTED = Review(key="b", given_label=3, verification_label=1, reviewer="import", time=NOW)


@pytest.fixture(params=["1", "2", "3"])
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "reviews.sqlite"
    script = {"1": VERSION_1, "2": VERSION_2, "3": VERSION_3}[request.param]
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode = WAL;" + script.replace("{identity}", IDENTITY))
    return path


def version_and_columns(path: Path) -> tuple[str, list[str]]:
    with closing(sqlite3.connect(path)) as database:
        (version,) = database.execute("SELECT value FROM about WHERE name = 'schema_version'").fetchone()
        return version, [row[1] for row in database.execute("PRAGMA table_info(decisions)")]


def test_an_old_database_is_opened_with_all_its_decisions(old: Path) -> None:
    with ReviewStore(old) as store:
        assert list(store.reviews()) == [OLD, IMPORTED]
        assert store.append([IMPORTED]) == 0, "what was imported then is known now"
        timed = Review(key="c", given_label=0, verification_label=1, time=NOW, seconds=1.5)
        assert store.append([timed]) == 1
        assert list(store.reviews()) == [OLD, IMPORTED, timed]
    version, columns = version_and_columns(old)
    assert version == "4"
    assert {"seconds", "undoes"} <= set(columns)


def test_what_stands_and_the_counts_are_derived_from_old_decisions(old: Path) -> None:
    with ReviewStore(old) as store:
        found = store.standing([("train", "a"), ("train", "b"), ("train", "c")])
        assert {key: (one.id, one.review) for key, one in found.items()} == {
            ("train", "a"): (1, OLD),
            ("train", "b"): (2, IMPORTED),
        }
        assert store.progress() == {3: ClassProgress(decided=2, correct=1, wrong=1, unsure=0)}


def test_the_migrations_lead_to_the_tables_of_today(old: Path) -> None:
    ReviewStore(old).close()
    engine = create_engine(f"sqlite:///{old}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert [one for one in differences if "alembic_version" not in str(one)] == []


def test_an_upgraded_database_refuses_changes(old: Path) -> None:
    ReviewStore(old).close()
    with closing(sqlite3.connect(old)) as database:
        for statement in ("UPDATE decisions SET verification_label = 1", "DELETE FROM decisions"):
            with pytest.raises(sqlite3.IntegrityError, match="decisions are appended, never"):
                database.execute(statement)


def test_a_large_old_database_is_derived_page_by_page(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from noisette.store import review_standing

    monkeypatch.setattr(review_standing, "_REBUILD", 1)
    with ReviewStore(old) as store:
        assert store.counts() == ReviewCounts(decisions=2, samples=2, correct=1, mislabelled=1, unsure=0)


def test_a_new_database_and_an_upgraded_one_have_the_same_columns(old: Path, tmp_path: Path) -> None:
    ReviewStore(old).close()
    ReviewStore(tmp_path / "new.sqlite").close()
    assert version_and_columns(old) == version_and_columns(tmp_path / "new.sqlite")


def test_an_old_database_belongs_to_the_first_workspace_that_opens_it(old: Path) -> None:
    ReviewStore(old, "first").close()
    ReviewStore(old, "first").close()
    with pytest.raises(WorkspaceError, match=r"decisions of another workspace \(number first, this one is second\)"):
        ReviewStore(old, "second")
    assert ReviewStore(old).counts().decisions == 2, "who names no workspace is not asked"


def test_opening_it_again_changes_nothing(old: Path) -> None:
    ReviewStore(old).close()
    before = version_and_columns(old)
    ReviewStore(old).close()
    assert version_and_columns(old) == before


def _open(path: Path) -> None:
    with ReviewStore(path) as store:
        assert store.counts().decisions == 2


def test_several_processes_open_it_at_once(old: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_open, args=(old,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert version_and_columns(old)[0] == "4"


def test_two_that_saw_an_old_version_upgrade_it_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from noisette.store import review_upgrade

    upgrade_schema = review_upgrade.upgrade_schema

    def twice(connection: Connection) -> None:
        upgrade_schema(connection)
        upgrade_schema(connection)

    monkeypatch.setattr(review_upgrade, "upgrade_schema", twice)
    ReviewStore(old).close()
    assert version_and_columns(old)[0] == "4"


KILLED = """
import os, signal, sys
from noisette.store import ReviewStore, review_upgrade

upgrade_schema = review_upgrade.upgrade_schema

def killed(connection):
    upgrade_schema(connection)
    os.kill(os.getpid(), signal.SIGKILL)

review_upgrade.upgrade_schema = killed
ReviewStore(sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_process_killed_before_the_commit_leaves_the_old_version(old: Path) -> None:
    before = version_and_columns(old)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", KILLED, old], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert version_and_columns(old) == before
    with ReviewStore(old) as store:
        assert list(store.reviews()) == [OLD, IMPORTED]


def test_a_failing_upgrade_says_which_database(old: Path) -> None:
    before = version_and_columns(old)[0]
    last_step_fails = "CREATE TRIGGER full BEFORE INSERT ON about BEGIN SELECT RAISE(ABORT, 'full'); END"
    with closing(sqlite3.connect(old)) as database:
        database.execute(last_step_fails if before == "3" else "DROP TABLE decisions")
        database.commit()
    with pytest.raises(WorkspaceError, match=r"reviews\.sqlite cannot be used \((no such table: decisions|full)"):
        ReviewStore(old)
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("SELECT value FROM about").fetchall() == [(before,)]
