from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from noisette.cli.app import app
from noisette.pipeline.workspace import Workspace
from tests.pipeline.exporting.pictures import ROWS, SOURCE, Row, make_pictures, make_workspace


def noisette(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    make_pictures(tmp_path / "pictures", ROWS)
    return make_workspace(tmp_path / "workspace", tmp_path / "pictures")


def test_people_get_a_table_and_totals(workspace: Workspace, tmp_path: Path) -> None:
    rule = ["--drop-below", 0.5, "--relabel-above", 0.8]
    done = noisette("export", tmp_path / "out", "--as", "parquet", *rule, "--verifier", SOURCE, "-w", workspace.root)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "class      samples  kept  dropped  relabelled away  relabelled into",
        "---------  -------  ----  -------  ---------------  ---------------",
        "CON              1     0        1                0                1",
        "zebra            4     2        1                1                0",
        "apple/pie        2     1        0                1                1",
        "left as they are: test (--clean-evaluation-splits cleans these too)",
        "",
        "9 samples: 5 kept, 2 dropped, 2 relabelled; 1 more without a score, not written",
        f"7 written to {tmp_path / 'out'} (parquet)",
    ]
    assert done.stderr.startswith("warning: CON loses 1 of its 1 samples (1 dropped, 0 relabelled)")


def test_json_holds_every_class(workspace: Workspace, tmp_path: Path) -> None:
    done = noisette(
        "export", tmp_path / "out", "--as", "filelist", "--verifier", SOURCE, "-w", workspace.root, "--json"
    )
    found = json.loads(done.stdout)
    assert found["next"] is None
    assert found["path"] == str(tmp_path / "out")
    assert found["made_by"]["rule"] == {"drop_below": None, "relabel_above": None, "clean_evaluation_splits": False}
    assert found["splits"]["train"]["classes"]["CON"]["samples"] == 1
    assert found["splits"]["test"]["is_cleaned"] is False


def test_many_classes_are_cut_to_the_worst(tmp_path: Path) -> None:
    rows = [Row(key=f"{i}.png", given=i, quality=0.1 if i == 24 else 0.9, issue=i == 24) for i in range(25)]
    make_pictures(tmp_path / "pictures", rows)
    names = tuple(f"class {i}" for i in range(25))
    workspace = make_workspace(tmp_path / "workspace", tmp_path / "pictures", rows, names)
    done = noisette("export", tmp_path / "out", "--as", "filelist", "--verifier", SOURCE, "-w", workspace.root)
    lines = done.stdout.splitlines()
    assert lines[2].startswith("class 24")
    assert lines[22] == "and 5 classes more, which lose less; see noisette-export.json"


def test_the_class_that_loses_most_is_first_whether_dropped_or_relabelled(tmp_path: Path) -> None:
    rows = [
        Row(key="0.png", given=0),
        Row(key="1.png", given=0, issue=True),
        *(Row(key=f"{i}.png", given=1, issue=True, suggested=2, chance=1.0) for i in (2, 3)),
        Row(key="4.png", given=2),
    ]
    make_pictures(tmp_path / "pictures", rows)
    workspace = make_workspace(tmp_path / "workspace", tmp_path / "pictures", rows, ("half", "all", "none"))
    options = ["--relabel-above", 1, "--verifier", SOURCE, "-w", workspace.root]
    done = noisette("export", tmp_path / "out", "--as", "filelist", *options)
    assert [line.split()[0] for line in done.stdout.splitlines()[2:5]] == ["all", "half", "none"]


def test_a_stale_workspace_says_what_to_do_next(workspace: Workspace, tmp_path: Path) -> None:
    from noisette.pipeline.provenance import record

    record(workspace.scores(SOURCE), {"inputs": {"decisions": "others"}})
    done = noisette("export", tmp_path / "out", "--as", "parquet", "--verifier", SOURCE, "-w", workspace.root)
    assert done.stdout.splitlines()[-1] == f"next: noisette detect -w {workspace.root}"


def test_without_a_format_it_is_a_table_as_ever(workspace: Workspace, tmp_path: Path) -> None:
    done = noisette("export", tmp_path / "out.csv", "--verifier", SOURCE, "-w", workspace.root)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"9 labels written to {tmp_path / 'out.csv'}\n"


def test_the_scores_that_detect_chose_are_taken(tmp_path: Path) -> None:
    rows = [replace(ROWS[0], key=f"{i}.png", given=i % 3) for i in range(30)]
    make_pictures(tmp_path / "pictures", rows)
    workspace = make_workspace(tmp_path / "workspace", tmp_path / "pictures", rows)
    done = noisette("export", tmp_path / "out", "--as", "parquet", "-w", workspace.root)
    assert done.exit_code == 1
    assert "run `noisette detect` first" in done.stderr
    assert noisette("detect", "-w", workspace.root).exit_code == 0
    done = noisette("export", tmp_path / "out", "--as", "parquet", "-w", workspace.root, "--json")
    assert json.loads(done.stdout)["made_by"]["verifier"] == "evidence"
    assert "nobody has checked a label" in done.stderr
    assert noisette("detect", "-w", workspace.root, "--verifier", "average").exit_code == 0
    done = noisette("export", tmp_path / "out", "--as", "parquet", "-w", workspace.root, "--json")
    assert "there are no verification labels" in done.stderr
    assert json.loads(done.stdout)["totals"]["dropped"] == 0
    done = noisette("export", tmp_path / "out2", "--as", "parquet", "-w", workspace.root, "--drop-below", 0.5)
    assert done.exit_code == 1
    assert "noisette labels import" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as", "zip"], "--as must be one of imagefolder"),
        (["--as", "imagefolder", "--link", "soft"], "--link must be copy, hard or sym"),
        (["--as", "parquet", "--link", "hard"], "--link is for --as imagefolder"),
        (["--drop-below", "0.5"], "needs --as FORMAT"),
        (["--clean-evaluation-splits"], "needs --as FORMAT"),
        (["--link", "copy"], "needs --as FORMAT"),
        (["--as", "parquet", "--drop-below", "1.5"], "drop-below"),
        (["--as", "parquet", "--relabel-above", "-0.5"], "relabel-above"),
    ],
)
def test_misuse_is_named(workspace: Workspace, tmp_path: Path, options: list[str], message: str) -> None:
    done = noisette("export", tmp_path / "out", "-w", workspace.root, *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_bound_that_is_no_number_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    rule = ["--as", "parquet", "--drop-below", "nan", "--verifier", SOURCE]
    done = noisette("export", tmp_path / "out", "-w", workspace.root, *rule)
    assert done.exit_code in (1, 2)
    assert not (tmp_path / "out").exists()
