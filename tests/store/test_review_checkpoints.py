import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noisette.store import ReviewStore
from noisette.store.review_checkpoints import checkpoint
from noisette.types import Review

DEADLINE = 30
NEVER = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ReviewStore(tmp_path / "reviews.sqlite").close()
    return tmp_path / "reviews.sqlite"


def add(store: ReviewStore, count: int) -> None:
    for number in range(count):
        store.add(Review(key=f"k{number}", given_label=0, verification_label=1, time=datetime.now(UTC), queue="class"))


def without_log(path: Path) -> int:
    """Count the decisions that are in the database itself, and not only in its log."""
    alone = path.with_name("alone.sqlite")
    alone.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(alone)) as database:
        return int(database.execute("SELECT count(*) FROM decisions").fetchone()[0])


@pytest.mark.parametrize("is_beside", [False, True])
def test_a_commit_copies_the_log_unless_that_is_done_beside(path: Path, is_beside: bool) -> None:
    with ReviewStore(path) as store:
        if is_beside:
            store._database.checkpoint_beside(NEVER)
        add(store, 200)
        assert (without_log(path) == 0) == is_beside
        pages, copied = checkpoint(str(path))
        assert pages == copied > 0
        assert without_log(path) == 200
    assert [one.name for one in threading.enumerate() if one.name == "checkpoints"] == []


def test_the_checkpoint_comes_by_itself_while_the_store_is_in_use(path: Path) -> None:
    with ReviewStore(path) as store:
        store._database.checkpoint_beside(0.01)
        for _ in range(2):  # after a while without writes, too
            before = without_log(path)
            add(store, before + 5)
            ends = time.monotonic() + DEADLINE
            while without_log(path) <= before and time.monotonic() < ends:
                time.sleep(0.02)
            assert without_log(path) > before


def test_what_was_committed_is_there_though_no_checkpoint_was_made(path: Path, tmp_path: Path) -> None:
    with ReviewStore(path) as store:
        store._database.checkpoint_beside(NEVER)
        add(store, 3)
        for end in ("", "-wal"):  # as a machine that stops leaves them
            (tmp_path / f"left.sqlite{end}").write_bytes(Path(f"{path}{end}").read_bytes())
    with ReviewStore(tmp_path / "left.sqlite") as left:
        assert left.counts().decisions == 3


def test_a_database_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        checkpoint(str(tmp_path / "reviews.sqlite"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_with_marks_of_a_url_is_found(tmp_path: Path) -> None:
    path = tmp_path / "re?views%20#1.sqlite"
    with ReviewStore(path) as store:
        add(store, 1)
        pages, copied = checkpoint(str(path))
    assert pages == copied > 0


def test_a_store_in_memory_has_no_log() -> None:
    with ReviewStore("sqlite://") as store:
        store.expect_many_writes()
        add(store, 1)
        assert store.counts().decisions == 1
