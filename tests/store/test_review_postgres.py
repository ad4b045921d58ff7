"""The review store on PostgreSQL: the contract, and what only a server can go through."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from noisette.errors import WorkspaceError
from noisette.store import ReviewStore
from tests.contracts.postgres import missing_postgres, postgres_database, postgres_server
from tests.contracts.store_contract import StoreContract, review

pytestmark = pytest.mark.skipif(missing_postgres() is not None, reason=str(missing_postgres()))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture
def database(server: str) -> Iterator[str]:
    with postgres_database(server) as url:
        yield url


class TestPostgres(StoreContract):
    @pytest.fixture
    def url(self, database: str) -> str:
        return database


def test_a_url_that_names_no_driver_means_psycopg(database: str) -> None:
    plain = make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    with ReviewStore(plain) as store:
        assert store.append([review()]) == 1


def test_a_server_that_is_not_there_is_an_error_of_ours_without_the_password() -> None:
    with pytest.raises(
        WorkspaceError, match=r"postgresql\+psycopg://ann:\*\*\*@localhost:1/x cannot be used"
    ) as caught:
        ReviewStore("postgresql+psycopg://ann:secret@localhost:1/x")
    assert "secret" not in str(caught.value)


def test_a_connection_that_the_server_closed_is_made_anew(database: str, server: str) -> None:
    with ReviewStore(database) as store:
        store.append([review("a")])
        engine = create_engine(server)
        with engine.connect() as connection:
            name = make_url(database).database
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )
        engine.dispose()
        assert store.append([review("b")]) == 1
