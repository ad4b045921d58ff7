"""Results of arms are kept, so that a benchmark that was stopped goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arm_runs import kept_result


class Arm:
    """Counts how often it is run."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> dict[str, object]:
        self.runs += 1
        return {"score": (1, 2)}


def test_an_arm_that_is_kept_is_not_run_again_and_reads_as_it_did(tmp_path: Path) -> None:
    arm, path = Arm(), tmp_path / "new" / "arm.json"
    first, again = (kept_result(path, arm, about={"seed": 1, "sizes": (3,)}) for _ in range(2))
    assert first == again == {"seed": 1, "sizes": [3], "score": [1, 2]}
    assert arm.runs == 1


def test_a_result_of_other_settings_is_written_anew(tmp_path: Path) -> None:
    arm, path = Arm(), tmp_path / "arm.json"
    kept_result(path, arm, about={"seed": 1})
    assert kept_result(path, arm, about={"seed": 2})["seed"] == 2
    assert arm.runs == 2
    assert json.loads(path.read_text(encoding="utf-8"))["seed"] == 2


def test_without_a_file_every_call_runs() -> None:
    arm = Arm()
    assert kept_result(None, arm) == kept_result(None, arm) == {"score": [1, 2]}
    assert arm.runs == 2


def test_only_a_new_result_is_spoken_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        kept_result(tmp_path / "arm.json", Arm(), say=lambda found: f"score {found['score']}")
    assert capsys.readouterr().out == "score [1, 2]\n"
