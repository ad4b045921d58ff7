import json
from pathlib import Path

from typer.testing import CliRunner, Result

from noisette.cli.app import app
from tests.pipeline.duplicated import NAMES, make_data


def noisette(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_top_shows_the_most_suspicious_labels_and_why(tmp_path: Path) -> None:
    data = make_data()
    workspace = data.write(tmp_path / "w")
    done = noisette("detect", "-w", workspace.root, "--top", 7)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("most suspicious"))
    shown = lines[start + 2 : -1]
    assert len(shown) == 7
    assert lines[-1].startswith("next: noisette report")
    found = json.loads(noisette("detect", "-w", workspace.root, "--top", 7, "--json").stdout)["top"]
    for line, row in zip(shown, found, strict=True):
        assert line.split()[0] == row["key"]
        assert NAMES[data.given[int(row["key"][1:])]] == row["given_label"]
        assert line.endswith(row["evidence"])
        assert f"{row['votes']} of {row['voters']} neighbours" in row["evidence"]
        assert row["none_probability"] is not None


def test_without_top_nothing_more_is_said(tmp_path: Path) -> None:
    workspace = make_data().write(tmp_path / "w")
    done = noisette("detect", "-w", workspace.root)
    assert "most suspicious" not in done.stdout
    assert "top" not in json.loads(noisette("detect", "-w", workspace.root, "--json").stdout)
    assert noisette("detect", "-w", workspace.root, "--top", -1).exit_code == 2


def test_top_of_a_ranking_without_probabilities(tmp_path: Path) -> None:
    data = make_data()
    data.decisions.clear()
    workspace = data.write(tmp_path / "w")
    done = noisette("detect", "-w", workspace.root, "--verifier", "average", "--top", 3, "--json")
    rows = json.loads(done.stdout)["top"]
    assert len(rows) == 3
    for row in rows:
        assert (row["suggested_label"], row["suggested_probability"]) == ("", None)
        assert f"{row['given_label']}, as given; the nearest reference" in row["evidence"]


def test_a_goal_is_said_and_recorded(tmp_path: Path) -> None:
    workspace = make_data().write(tmp_path / "w")
    done = noisette("detect", "-w", workspace.root, "--verifier", "filtering", "--goal", "budget=4")
    assert done.exit_code == 0, done.output
    assert "flagged for the goal budget=4: 4 labels that nobody checked" in done.stdout
    assert "expected to be left, once these and the known ones are put right" in done.stdout
    found = json.loads(noisette("detect", "-w", workspace.root, "--goal", "precision=0.9", "--json").stdout)
    assert found["cleaning"]["goal"] == "precision=0.9"
    assert json.loads(workspace.detection.read_text(encoding="utf-8"))["settings"]["detect"]["goal"] == "precision=0.9"


def test_what_is_no_goal_is_a_misuse(tmp_path: Path) -> None:
    workspace = make_data().write(tmp_path / "w")
    done = noisette("detect", "-w", workspace.root, "--goal", "recall=0.9")
    assert done.exit_code == 2
    assert "--goal must be error" in done.output
