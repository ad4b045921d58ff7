import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from noisette.errors import DataFileError, WorkspaceError
from noisette.pipeline.database import use_database
from noisette.pipeline.report import _flat_settings
from noisette.pipeline.settings import Settings, read_settings
from noisette.pipeline.workspace import (
    DATABASE_VARIABLE,
    Workspace,
    create_workspace,
    finish_workspace,
    open_workspace,
)
from noisette.store import write_samples
from noisette.types import Review, SampleTable
from tests.contracts.postgres import missing_postgres, postgres_database, postgres_server


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    workspace = create_workspace(tmp_path / "w", Settings(), ("a", "b"))
    decide(workspace, "x")
    finish_workspace(workspace)
    return open_workspace(workspace.root)


def decide(workspace: Workspace, key: str) -> None:
    with workspace.reviews() as store:
        store.add(Review(key=key, given_label=0, verification_label=1, time=datetime.now(UTC)))


def keys(workspace: Workspace) -> list[str]:
    with workspace.reviews() as store:
        return [one.key for one in store.reviews()]


def test_the_file_in_the_workspace_unless_something_else_is_named(small: Workspace) -> None:
    assert use_database(small, None) == (small, None)
    assert keys(small) == ["x"]
    assert small.database == ""


def test_decisions_move_along_and_stay_where_they_were(small: Workspace, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    moved, move = use_database(small, url)
    assert move is not None
    assert (move.copied, move.name) == (1, str(tmp_path / "team.sqlite"))
    decide(moved, "y")
    assert keys(moved) == keys(open_workspace(small.root)) == ["x", "y"]
    assert keys(small) == ["x"], "the file itself"
    assert use_database(open_workspace(small.root), url)[1] is None


def test_a_database_with_decisions_is_taken_as_it_is(small: Workspace, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    decide(replace(small, database_url=url), "z")
    moved, move = use_database(small, url)
    assert move is not None
    assert move.copied == 0
    assert keys(moved) == ["z"]


def test_the_environment_goes_before_the_settings(
    small: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_database(small, f"sqlite:///{tmp_path / 'team.sqlite'}")
    monkeypatch.setenv(DATABASE_VARIABLE, f"sqlite:///{tmp_path / 'other.sqlite'}")
    decide(open_workspace(small.root), "z")
    assert keys(open_workspace(small.root)) == ["z"]


def test_a_database_that_cannot_be_used_changes_nothing(small: Workspace) -> None:
    before = (small.root / "noisette.toml").read_bytes()
    with pytest.raises(WorkspaceError, match="is no database URL; name it as postgresql"):
        use_database(small, "team.sqlite")
    with pytest.raises(WorkspaceError, match="the database must be SQLite or PostgreSQL, got mysql://"):
        use_database(small, "mysql://ann:secret@host/labels")
    with pytest.raises(WorkspaceError, match="cannot be used"):
        use_database(small, "sqlite:////no/such/folder/x.sqlite")
    assert (small.root / "noisette.toml").read_bytes() == before


def workspace_of(root: Path, keys: list[str]) -> Workspace:
    workspace = create_workspace(root, Settings(), ("a", "b"))
    write_samples(workspace.samples, SampleTable(["train"] * len(keys), keys, keys, np.zeros(len(keys), np.int64)))
    decide(workspace, keys[0])
    finish_workspace(workspace)
    return open_workspace(root)


def test_a_database_of_another_workspace_is_refused_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    first, second = workspace_of(tmp_path / "1", ["x"]), workspace_of(tmp_path / "2", ["y"])
    use_database(first, url)
    before = (second.root / "noisette.toml").read_bytes()
    with pytest.raises(
        WorkspaceError, match=r"team\.sqlite holds the decisions of another workspace .* repair --take-"
    ):
        use_database(second, url)
    assert (second.root / "noisette.toml").read_bytes() == before
    assert keys(second) == ["y"]
    monkeypatch.setenv(DATABASE_VARIABLE, url)
    with pytest.raises(WorkspaceError, match="another workspace"):
        second.reviews()
    second.reviews(take_over=True).close()
    assert keys(second) == ["x"]
    with pytest.raises(WorkspaceError, match="another workspace"):
        first.reviews()


def test_a_workspace_over_more_samples_is_made_without_the_database_and_takes_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    monkeypatch.setenv(DATABASE_VARIABLE, url)
    assert keys(workspace_of(tmp_path / "1", ["x"])) == ["x"]
    with pytest.raises(WorkspaceError, match=r"another workspace .* unset \$NOISETTE_DATABASE and run `noisette init`"):
        workspace_of(tmp_path / "2", ["x", "y"])
    monkeypatch.delenv(DATABASE_VARIABLE)
    larger = workspace_of(tmp_path / "2", ["x", "y"])
    assert keys(use_database(larger, url, take_over=True)[0]) == ["x"]


def test_a_workspace_is_the_same_when_made_anew_copied_or_with_a_class_renamed(tmp_path: Path) -> None:
    one, again, other = (workspace_of(tmp_path / name, [key]) for name, key in (("1", "x"), ("2", "x"), ("3", "y")))
    assert one.identity == again.identity != other.identity
    assert len(one.identity) == 32
    one.classes.write_text("a\nsecond\n", encoding="utf-8")
    copied = open_workspace(shutil.copytree(one.root, tmp_path / "copy"))
    assert one.identity == again.identity == copied.identity
    assert keys(copied) == ["x"]


def test_a_workspace_being_made_writes_no_identity_down(tmp_path: Path) -> None:
    workspace = create_workspace(tmp_path / "w", Settings(), ("a", "b"))
    assert workspace.identity == "", "there are no samples"
    write_samples(workspace.samples, SampleTable(["train"], ["x"], [""], np.zeros(1, np.int64)))
    before = workspace.identity
    assert not (workspace.root / "workspace-id.txt").exists()
    (workspace.root / "workspace-id.txt").write_text("of an earlier attempt", encoding="utf-8")
    create_workspace(workspace.root, Settings(), ("a", "b"))
    assert not (workspace.root / "workspace-id.txt").exists()
    finish_workspace(workspace)
    write_samples(workspace.samples, SampleTable(["train"], ["y"], [""], np.zeros(1, np.int64)))
    assert workspace.identity == before, "it is written down at once"
    assert (workspace.root / "workspace-id.txt").read_text(encoding="utf-8").strip() == before


def test_decisions_come_along_though_the_environment_names_the_new_database_already(
    small: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'team.sqlite'}"
    monkeypatch.setenv(DATABASE_VARIABLE, url)
    moved, move = use_database(small, url)
    assert move is not None
    assert move.copied == 1
    assert keys(moved) == ["x"]
    assert use_database(open_workspace(small.root), url)[1] is None


def test_a_report_does_not_say_where_the_decisions_are(small: Workspace, tmp_path: Path) -> None:
    moved, _ = use_database(small, f"sqlite:///{tmp_path / 'team.sqlite'}")
    assert "team.sqlite" not in str(_flat_settings(moved, {}))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("postgresql+psycopg://ann:secret@host/x", r"`store\.database` must not hold a password"),
        ("team.sqlite", r"`store\.database` must be a URL such as"),
    ],
)
def test_settings_hold_a_url_without_a_password(small: Workspace, value: str, message: str) -> None:
    path = small.root / "noisette.toml"
    path.write_text(f'[store]\ndatabase = "{value}"\n', encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        read_settings(path)


@pytest.mark.skipif(missing_postgres() is not None, reason=str(missing_postgres()))
def test_a_password_is_written_nowhere(small: Workspace) -> None:
    with postgres_server() as server, postgres_database(server) as url:
        with_password = url.replace("noisette@", "noisette:secret@", 1)
        moved, move = use_database(small, with_password)
        assert move is not None
        assert move.copied == 1
        assert "secret" not in f"{move} {moved}"
        written = (small.root / "noisette.toml").read_text(encoding="utf-8")
        assert "secret" not in written
        assert "postgresql+psycopg://noisette@" in written
        decide(moved, "y")
        assert keys(open_workspace(small.root)) == ["x", "y"]
