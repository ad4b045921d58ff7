import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from noisette.cli.app import app
from noisette.pipeline.workspace import Workspace
from tests.pipeline.conftest import Files, files, workspace

__all__ = ["files", "workspace"]


def noisette(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_next_line_can_be_pasted_whatever_the_folder_is_called(files: Files, tmp_path: Path) -> None:
    root = tmp_path / "my $work; 'space'"
    done = noisette("init", root, "--features", files.features, "--labels", files.labels, "--classes", files.classes)
    assert done.exit_code == 0, done.output
    words = shlex.split(done.stdout.splitlines()[-1].removeprefix("next: "))
    assert words == ["noisette", "run", "-w", str(root)]
    assert noisette(*words[1:3], words[3], "--help").exit_code == 0


def test_what_the_system_refuses_is_one_line_and_names_the_path(workspace: Workspace, tmp_path: Path) -> None:
    assert noisette("detect", "-w", workspace.root, "--verifier", "average").exit_code == 0
    folder = tmp_path / "table.csv"
    folder.mkdir()
    for target in (folder, tmp_path / "files" / "features.npy" / "x.csv"):
        done = noisette("export", target, "-w", workspace.root)
        assert done.exit_code == 1
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert done.stderr.startswith(f"error: {tmp_path}")
        assert len(done.stderr.splitlines()) == 1
    assert not folder.with_name("table.csv.partial").exists()


def test_init_where_a_file_is_does_not_end_in_a_traceback(files: Files) -> None:
    done = noisette("init", files.features, "--features", files.features, "--labels", files.labels)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {files.features}")


def test_json_holds_no_token_that_a_strict_parser_refuses(workspace: Workspace) -> None:
    assert noisette("detect", "-w", workspace.root, "--verifier", "average").exit_code == 0
    done = noisette("evaluate", "-w", workspace.root, "--thresholds", "inf", "--json")
    assert done.exit_code == 0, done.output

    def refuse(token: str) -> None:
        pytest.fail(f"{token} is not JSON")

    found = json.loads(done.stdout, parse_constant=refuse)
    assert found["cross_fitted"][0]["threshold"] is None


def test_score_of_a_table_that_does_not_fit_fails_and_writes_nothing(
    workspace: Workspace, files: Files, tmp_path: Path
) -> None:
    assert noisette("detect", "-w", workspace.root, "--verifier", "average").exit_code == 0
    np.save(tmp_path / "narrow.npy", files.values[:, :5])
    sources = ["--features", tmp_path / "narrow.npy", "--labels", files.labels]
    verifier = workspace.root / "verifiers" / "average"
    done = noisette("score", *sources, "--verifier", verifier, "--output", tmp_path / "s.tsv")
    assert done.exit_code == 1
    assert "narrow.npy: no row could be scored; nothing is written: " in done.stderr
    assert not (tmp_path / "s.tsv").exists()


def test_lists_may_have_spaces_after_their_commas(workspace: Workspace) -> None:
    assert noisette("run", "-w", workspace.root).exit_code == 0
    done = noisette(
        "evaluate", "-w", workspace.root, "--verifiers", "average, filtering", "--thresholds", "0.1, auto", "--json"
    )
    assert done.exit_code == 0, done.output
    names = ["average at 0.1", "average", "filtering at 0.1", "filtering"]
    assert [row["name"] for row in json.loads(done.stdout)["cross_fitted"]] == names
