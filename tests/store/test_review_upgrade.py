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
from sqlalchemy.orm import Session

from noisette.errors import WorkspaceError
from noisette.store import ReviewStore
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


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode = WAL;" + VERSION_1.replace("{identity}", IDENTITY))
    return path


def version_and_columns(path: Path) -> tuple[str, list[str]]:
    with closing(sqlite3.connect(path)) as database:
        (version,) = database.execute("SELECT value FROM about WHERE name = 'schema_version'").fetchone()
        return version, [row[1] for row in database.execute("PRAGMA table_info(decisions)")]


def test_a_database_of_version_1_is_opened_with_all_its_decisions(old: Path) -> None:
    with ReviewStore(old) as store:
        assert list(store.reviews()) == [OLD, IMPORTED]
        assert store.append([IMPORTED]) == 0, "what was imported then is known now"
        timed = Review(key="c", given_label=0, verification_label=1, time=NOW, seconds=1.5)
        assert store.append([timed]) == 1
        assert list(store.reviews()) == [OLD, IMPORTED, timed]
    version, columns = version_and_columns(old)
    assert (version, columns[-1]) == ("2", "seconds")


def test_a_new_database_and_an_upgraded_one_have_the_same_columns(old: Path, tmp_path: Path) -> None:
    ReviewStore(old).close()
    ReviewStore(tmp_path / "new.sqlite").close()
    assert version_and_columns(old) == version_and_columns(tmp_path / "new.sqlite")


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
    assert version_and_columns(old)[0] == "2"


def test_two_that_saw_version_1_upgrade_it_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from noisette.store import review_database
    from noisette.store.review_upgrade import upgrade_schema

    def twice(session: Session) -> None:
        upgrade_schema(session)
        upgrade_schema(session)

    monkeypatch.setattr(review_database, "upgrade_schema", twice)
    ReviewStore(old).close()
    assert version_and_columns(old)[0] == "2"


KILLED = """
import os, signal, sys
from noisette.store import ReviewStore, review_upgrade, review_database

def killed(session):
    review_upgrade.upgrade_schema(session)
    os.kill(os.getpid(), signal.SIGKILL)

review_database.upgrade_schema = killed
ReviewStore(sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_process_killed_before_the_commit_leaves_version_1(old: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", KILLED, old], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    version, columns = version_and_columns(old)
    assert (version, "seconds" in columns) == ("1", False)
    with ReviewStore(old) as store:
        assert list(store.reviews()) == [OLD, IMPORTED]


def test_a_failing_upgrade_says_which_database(old: Path) -> None:
    with closing(sqlite3.connect(old)) as database:
        database.execute("DROP TABLE decisions")
        database.commit()
    with pytest.raises(WorkspaceError, match=r"reviews\.sqlite cannot be used \(no such table: decisions"):
        ReviewStore(old)
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("SELECT value FROM about").fetchall() == [("1",)]
