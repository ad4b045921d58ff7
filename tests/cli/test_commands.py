import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from noisette.cli.app import app
from noisette.pipeline.workspace import Workspace
from tests.pipeline.conftest import Files, files, workspace

__all__ = ["files", "workspace"]
ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    "demo",
    "init",
    "embed",
    "detect",
    "plan",
    "review",
    "evaluate",
    "run",
    "train",
    "report",
    "status",
    "export",
    "score",
    "convert",
]
COMMANDS += ["references", "labels import", "labels export", "labels agreement", "labels repair"]


def noisette(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_is_in_the_docs(name: str) -> None:
    done = noisette(*name.split(), "--help")
    assert done.exit_code == 0
    assert "Usage" in done.stdout
    assert f"noisette {name}" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_no_command_but_the_known_ones() -> None:
    groups = {command.split()[0] for command in COMMANDS}
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    assert names | {"labels"} == groups


def test_the_whole_way(files: Files, tmp_path: Path) -> None:
    root = tmp_path / "w"
    sources = ["--features", files.features, "--labels", files.labels, "--classes", files.classes]
    done = noisette("init", root, *sources, "--verified", files.verified)
    assert done.exit_code == 0, done.output
    assert "240 samples of 6 classes, 8 features each" in done.stdout
    assert done.stdout.splitlines()[-1] == f"next: noisette run -w {root}"
    done = noisette("detect", "-w", root, "--verifier", "average")
    assert done.exit_code == 0, done.output
    assert "average *" in done.stdout
    assert noisette("report", "-w", root).exit_code == 0
    done = noisette("status", "-w", root, "--json")
    assert json.loads(done.stdout)["num_samples"] == 240
    assert noisette("export", tmp_path / "out.tsv", "-w", root).exit_code == 0


def test_score_gives_the_scores_of_detect(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    from noisette.pipeline.score_tables import read_scores

    assert noisette("detect", "-w", workspace.root, "--verifier", "average").exit_code == 0
    verifier, output = workspace.root / "verifiers" / "average", tmp_path / "scores.tsv"
    done = noisette(
        "score", "--features", files.features, "--labels", files.labels, "--verifier", verifier, "--output", output
    )
    assert done.exit_code == 0, done.output
    header, *lines = output.read_text(encoding="utf-8").splitlines()
    assert header.split("\t") == ["key", "score", "label_quality"]
    scores = read_scores(workspace.scores("average")).scores.score
    assert [line.split("\t")[0] for line in lines] == [str(i) for i in range(len(scores))]
    assert [float(line.split("\t")[1]) for line in lines] == pytest.approx(scores.tolist(), abs=1e-6)


def test_failures_are_one_line_and_exit_code_1(tmp_path: Path) -> None:
    done = noisette("status", "-w", tmp_path)
    assert done.exit_code == 1
    expected = f"error: {tmp_path} is not a workspace (no noisette.toml in it); make one with `noisette init`\n"
    assert done.stderr == expected
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("detect", "--verifyer", "x"),
        ("init",),
        ("init", "w"),
        ("init", "w", "--features", "f.npy", "--max-bad", "much"),
        ("init", "w", "--features", "f.npy", "--on-error", "cry"),
        ("init", "w", "--images", "a", "--manifest", "b.csv"),
        ("init", "w", "--images", "a", "--root", "b"),
        ("init", "w", "--dataset", "food101n"),
        ("init", "w", "--dataset", "mnist", "--root", "r"),
        ("init", "w", "--dataset", "food101n", "--root", "r", "--classes", "c.txt"),
        ("init", "w", "--images", "a", "--labels", "l.csv"),
        ("init", "w", "--images", "a", "--features", "f.npy"),
        ("init", "w", "--features", "f.npy", "--label-field", "x"),
        ("init", "w", "--features", "f.npy", "--class-list", "c.txt"),
        ("init", "w", "--manifest", "b.csv", "--label-field", "x"),
        ("embed", "--max-bad", "much"),
        ("embed", "--num-workers", "-1"),
        ("detect", "--weights", "softer"),
        ("nonsense",),
    ],
)
def test_misuse_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert noisette(*arguments).exit_code == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = noisette("init", tmp_path / "w", "--features", tmp_path / "no.npy", "--labels", tmp_path / "no.csv")
    assert done.exit_code == 1
    assert str(tmp_path / "no.") in done.stderr
    assert "Traceback" not in done.output


def test_json_is_one_object_on_stdout(workspace: Workspace) -> None:
    done = noisette("run", "-w", workspace.root, "--json")
    found = json.loads(done.stdout)
    assert found["next"].startswith("noisette export")
    assert found["num_samples"] == 240


def test_an_input_is_not_written_over(workspace: Workspace, files: Files) -> None:
    assert noisette("detect", "-w", workspace.root, "--verifier", "average").exit_code == 0
    before = files.labels.read_bytes()
    verifier = workspace.root / "verifiers" / "average"
    inputs = ["--features", files.features, "--labels", files.labels, "--verifier", verifier]
    done = noisette("score", *inputs, "--output", files.labels)
    assert done.exit_code == 1
    assert "is also an input, and would be overwritten" in done.stderr
    done = noisette("convert", files.labels, files.labels, "--class-list", files.classes, "--kind", "all")
    assert done.exit_code == 1
    assert files.labels.read_bytes() == before


def test_a_misspelt_class_is_mentioned(files: Files, tmp_path: Path) -> None:
    text = files.labels.read_text(encoding="utf-8")
    files.labels.write_text(text.replace("apple pie", "aple pie", 1), encoding="utf-8")
    done = noisette("init", tmp_path / "w", "--features", files.features, "--labels", files.labels)
    assert "class 'aple pie' occurs 1 time(s) among the labels" in done.stderr
