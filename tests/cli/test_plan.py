import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from noisette.cli.app import app
from noisette.cli.plan import plan_lines
from noisette.pipeline.plan_result import ClassPlan, Coverage, PlanResult
from noisette.pipeline.workspace import Workspace
from tests.pipeline.conftest import files, workspace

__all__ = ["files", "workspace"]


def noisette(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def root(workspace: Workspace) -> Path:
    assert noisette("detect", "-w", workspace.root, "--verifier", "average").exit_code == 0
    return workspace.root


def test_a_plan_and_what_to_do_next(root: Path) -> None:
    done = noisette("plan", "-w", root, "--budget", 20)
    assert done.exit_code == 0, done.output
    assert f"20 labels to check, 4 of them drawn at random: {root / 'plan.csv'}" in done.stdout
    assert "classes by checked labels: 5 with 5 or more, 0 with 1 to 4, 1 with none (fig)" in done.stdout
    assert "time: not known" in done.stdout
    assert done.stdout.splitlines()[-1] == f"next: noisette labels import {root / 'plan.csv'} -w {root}"
    again = noisette("labels", "import", root / "plan.csv", "-w", root)
    assert "0 decisions added (20 rows read, 0 unusable, 20 undecided)" in again.stdout


def test_json_has_everything(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "to check.csv"
    done = noisette("plan", "-w", root, "--audit-share", 1, "--output", output, "--target-error", 0.05, "--json")
    found = json.loads(done.stdout)
    assert (found["num_proposed"], found["num_audit"]) == (100, 100)
    assert {name: found["coverage"][name] for name in ("covered", "thin", "unverified")} == {
        "covered": 5,
        "thin": 0,
        "unverified": ["fig"],
    }
    assert found["coverage"]["known"] + len(found["coverage"]["unknown"]) == 6
    assert found["next"] == f"noisette labels import '{output}' -w {root}"
    assert sum(row["proposed"] for row in found["classes"]) == 100


def test_a_budget_and_minutes_are_misuse(root: Path) -> None:
    done = noisette("plan", "-w", root, "--budget", 5, "--minutes", 5)
    assert done.exit_code == 2
    assert "give --budget or --minutes, not both" in done.stderr
    assert noisette("plan", "-w", root, "--budget", 0).exit_code == 2
    assert noisette("plan", "-w", root, "--audit-share", 1.5).exit_code == 2


def test_minutes_without_recorded_seconds_fail_with_the_remedy(root: Path) -> None:
    done = noisette("plan", "-w", root, "--minutes", 5)
    assert done.exit_code == 1
    assert "noisette plan --budget 100" in done.stderr


def test_before_detect_it_says_what_to_run(workspace: Workspace) -> None:
    done = noisette("plan", "-w", workspace.root)
    assert done.exit_code == 1
    assert "run `noisette detect` first" in done.stderr


def test_what_is_said_of_the_outlook() -> None:
    classes = tuple(ClassPlan(f"class {i}", 12 - i, 1, 0) for i in range(12))
    found = PlanResult(
        path="plan.csv",
        num_proposed=78,
        num_audit=12,
        classes=classes,
        coverage=Coverage(3, 2, tuple("abcdefg"), 10, ("g", "a")),
        seconds_per_decision=4.0,
        minutes=5.2,
        error=0.1234,
        standard_error=0.011,
        gain=0.0004,
        labels_to_target=1234,
        stop=True,
        notes=(),
    )
    text = "\n".join(plan_lines(found, 0.05))
    assert "class 9" in text
    assert "class 10" not in text
    assert "... and 2 classes more" in text
    assert "3 with 5 or more, 2 with 1 to 4, 7 with none (a, b, c, d, e, ...)" in text
    assert "known within 25 percentage points: 10 of 12; least known (g, a)" in text
    assert "time: about 5 minutes, at 4.0 s a decision" in text
    assert "about 12.3% of all labels (standard error 1.1%)" in text
    assert "take about 0.04 percentage points off" in text
    assert "for 5.0% wrong verdicts: about 1,234 more checked labels" in text
    assert "stop: checking more gains little" in text
