from pathlib import Path

import pytest

from noisette.errors import WorkspaceError
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import ENVIRONMENT_VARIABLE, create_workspace, finish_workspace, open_workspace


def make(root: Path) -> Path:
    finish_workspace(create_workspace(root, Settings(), ("a", "b c")))
    return root


def test_named_then_environment_then_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, environment, upwards = (make(tmp_path / name) for name in ("named", "environment", "upwards"))
    (upwards / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(upwards / "deep" / "er")
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    assert open_workspace().root == upwards
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(environment))
    assert open_workspace().root == environment
    assert open_workspace(named).root == named


def test_no_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    with pytest.raises(WorkspaceError, match=r"no workspace: no noisette.toml in .* make one with `noisette init`"):
        open_workspace()
    with pytest.raises(WorkspaceError, match=r"is not a workspace"):
        open_workspace(tmp_path)


def test_a_finished_workspace_is_not_overwritten(tmp_path: Path) -> None:
    make(tmp_path / "w")
    with pytest.raises(WorkspaceError, match=r"is a workspace already"):
        create_workspace(tmp_path / "w", Settings(), ("a",))


def test_an_unfinished_one_may_be_made_again(tmp_path: Path) -> None:
    create_workspace(tmp_path / "w", Settings(), ("a",)).features.mkdir(parents=True)
    assert create_workspace(tmp_path / "w", Settings(), ("a", "b")).class_names() == ("a", "b")


def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path) -> None:
    workspace = open_workspace(make(tmp_path / "w"))
    with pytest.raises(WorkspaceError, match=r"samples.parquet is not there yet; run `noisette init` first"):
        workspace.need(workspace.samples, "noisette init")


def test_a_class_list_of_the_user_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("mine\n", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"classes.txt is there already, and would be overwritten"):
        create_workspace(tmp_path, Settings(), ("a",))
    assert (tmp_path / "classes.txt").read_text(encoding="utf-8") == "mine\n"


def test_lost_decisions_are_not_taken_for_none(tmp_path: Path) -> None:
    workspace = open_workspace(make(tmp_path / "w"))
    with pytest.raises(WorkspaceError, match=r"reviews.sqlite, the home of all decisions, is gone"):
        workspace.reviews()
    workspace.root.joinpath("reviews.sqlite").touch()
    with workspace.reviews() as store:
        assert store.counts().decisions == 0
