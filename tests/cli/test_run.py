from __future__ import annotations

import json
import re

import pytest

from noisette.pipeline.workspace import Workspace, open_workspace
from tests.cli.test_commands import noisette
from tests.pipeline.rounds_data import done, done_root, start, start_root

__all__ = ["done", "done_root", "start", "start_root"]


def test_the_rounds_are_a_table(done: Workspace) -> None:
    found = noisette("run", "-w", done.root, "--rounds", 2, "--verified-last", "--num-workers", 0)
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("classifier "))
    assert re.split(r"  +", lines[header]) == [
        "classifier", "weights", "error", "held-out error", "flagged",
        "validation, given: top-1", "NLL", "validation, verified: top-1", "NLL", "test, given: top-1", "NLL",
    ]  # fmt: skip
    rows = [line.split() for line in lines[header + 2 : header + 6]]
    assert [row[:2] for row in rows] == [
        ["round-0", "none"], ["round-1", "soft"], ["round-2", "soft"], ["round-2-verified", "verified"],
    ]  # fmt: skip
    assert rows[0][2:5] == rows[3][2:5] == ["-", "-", "-"]
    assert all(re.fullmatch(r"\d+\.\d%", cell) for row in rows[1:3] for cell in row[2:4])
    last = f"classifier: {done.model('round-2-verified')}, the last one (nothing to do)"
    assert lines[header + 6 : header + 8] == [last, f"next: noisette export cleaned --as imagefolder -w {done.root}"]


def test_json_has_the_rounds_and_options_are_kept(done: Workspace) -> None:
    found = noisette("run", "-w", done.root, "--rounds", 1, "--round-epochs", 2, "--learning-rate-factor", 0.25,
                     "--weights", "hard", "--num-workers", 0, "--json")  # fmt: skip
    assert found.exit_code == 0, found.output
    joint = json.loads(found.stdout)["joint"]
    assert joint["classifier"] == str(done.model("round-1"))
    assert [(one["name"], one["weights"]) for one in joint["rounds"]] == [("round-0", "none"), ("round-1", "hard")]
    assert joint["best"]["split"] == "validation"
    settings = open_workspace(done.root).settings
    assert (settings.rounds.epochs, settings.rounds.learning_rate_factor, settings.train.weights) == (2, 0.25, "hard")
    assert settings.embed.backbone == "round-0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rounds", 1, "--train"], "`train` goes with neither rounds nor end-to-end"),
        (["--joint", "both"], "`joint` must be rounds or end-to-end, got 'both'"),
        (["--verified-last"], "`verified_last` is the last step of rounds, got none"),
        (["--weights", "softer"], "`train.weights` must be soft"),
    ],
)
def test_mistakes_are_one_line(options: list[object], words: str, start: Workspace) -> None:
    found = noisette("run", "-w", start.root, *options)
    assert found.exit_code == 1
    assert words in found.stderr
    assert "Traceback" not in found.output
