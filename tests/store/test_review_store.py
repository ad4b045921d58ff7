"""The review store on SQLite: the contract, and what only a file can go through."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from noisette.errors import DataFileError, NoisetteError, WorkspaceError
from noisette.store import ReviewStore
from tests.contracts.store_contract import StoreContract, review


class TestSqlite(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'reviews.sqlite'}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReviewStore]:
    with ReviewStore(tmp_path / "reviews.sqlite") as opened:
        yield opened


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.sqlite").write_bytes(b"this is no database, whatever its name says" * 30)
    with pytest.raises(DataFileError, match=r"junk\.sqlite: is not a review database, or is damaged"):
        ReviewStore(tmp_path / "junk.sqlite")
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    with pytest.raises(DataFileError, match=r"is a database of something else \(tables recipes\)"):
        ReviewStore(tmp_path / "other.sqlite")
    with pytest.raises(DataFileError, match="is a folder; name the database file"):
        ReviewStore(tmp_path)
    with pytest.raises(WorkspaceError, match="is no database URL"):
        ReviewStore("not a url://")


def test_a_later_schema_is_refused(store: ReviewStore, tmp_path: Path) -> None:
    store.close()
    with sqlite3.connect(tmp_path / "reviews.sqlite") as later:
        later.execute("UPDATE about SET value = '99' WHERE name = 'schema_version'")
    later.close()
    with pytest.raises(
        DataFileError, match="has schema version 99, this version of noisette knows 4; upgrade noisette"
    ):
        ReviewStore(tmp_path / "reviews.sqlite")


def test_errors_of_the_database_are_ours(store: ReviewStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "reviews.sqlite") as broken:
        broken.execute("DROP TABLE decisions")
    broken.close()
    with pytest.raises(NoisetteError, match=r"reviews\.sqlite cannot be used \(no such table"):
        store.append([review()])


def test_the_database_is_in_wal_mode(store: ReviewStore, tmp_path: Path) -> None:
    store.append([review()])
    with sqlite3.connect(tmp_path / "reviews.sqlite") as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    plain.close()


def test_no_statement_on_some_samples_reads_a_whole_table(tmp_path: Path) -> None:
    from noisette.store import review_append, review_reads, review_standing

    path = tmp_path / "reviews.sqlite"
    with ReviewStore(path) as store:
        store.append(review(f"k{i}") for i in range(100))
    statements = (review_standing._SAID, review_standing._KNOWN, review_reads._STANDING_OF, review_append._SAID)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        for statement in statements:
            values = {"split": "train", "keys": ["k1", "k2"]}
            compiled = statement.params(values).compile(engine, compile_kwargs={"literal_binds": True})
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}")).all()
            steps = [row[-1] for row in plan if "TEMP B-TREE" not in row[-1]]
            assert all(step.startswith("SEARCH") for step in steps), steps
        disputed = "SELECT split FROM standing WHERE standing.is_disputed = 1 ORDER BY decision_id"
        (step,) = connection.execute(text(f"EXPLAIN QUERY PLAN {disputed}")).all()
        assert "USING INDEX standing_disputed" in step[-1]
    engine.dispose()
