from __future__ import annotations

import json
import re

import pytest

from noisette.cli.train import start_options
from noisette.pipeline.workspace import Workspace, keep_settings, with_settings
from tests.cli.test_commands import noisette
from tests.pipeline.conftest import files, workspace
from tests.pipeline.train_data import scored, scored_root

__all__ = ["files", "scored", "scored_root", "workspace"]


@pytest.fixture
def kept(scored: Workspace) -> Workspace:
    keep_settings(scored)
    return scored


def test_a_classifier_and_what_comes_next(kept: Workspace) -> None:
    root = kept.root
    done = noisette("train", "-w", root, "--num-workers", 0, "--head", "diagonal", "--no-flip")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert re.fullmatch(
        rf"small-resnet:2, diagonal head, [\d,]+ parameters: {re.escape(str(root))}/models/classifier", lines[0]
    )
    assert re.fullmatch(
        r"learned from 60 samples, soft weights of average; mean weight 0\.\d+; \d+ of weight 0", lines[1]
    )
    assert lines[2].split() == ["split", "labels", "samples", "top-1", "top-5", "macro", "NLL", "ECE"]
    assert [line.split()[:3] for line in lines[4:6]] == [["validation", "given", "18"], ["test", "given", "18"]]
    assert lines[-1] == f"next: noisette embed --backbone classifier -w {root}"
    again = noisette("train", "-w", root, "--num-workers", 0, "--head", "diagonal", "--no-flip")
    assert again.stdout.splitlines()[0] == f"{lines[0]} (nothing to do)"
    status = noisette("status", "-w", root)
    assert re.search(r"^models/classifier +current$", status.stdout, re.MULTILINE)


def test_the_loop_closes_and_the_classifier_is_then_older_than_its_scores(kept: Workspace) -> None:
    root = kept.root
    steps = (
        ("train", "--name", "round-1", "--num-workers", 0),
        ("embed", "--backbone", "round-1", "--num-workers", 0),
        ("detect",),
    )
    for step in steps:
        done = noisette(*step, "-w", root)
        assert done.exit_code == 0, done.output
    status = noisette("status", "-w", root)
    assert re.search(r"^models/round-1 +stale \(scores changed\)$", status.stdout, re.MULTILINE)
    done = noisette("train", "-w", root, "--name", "round-2", "--backbone", "round-1", "--num-workers", 0)
    assert done.exit_code == 0, done.output


def test_json_has_all_numbers(kept: Workspace) -> None:
    done = noisette("train", "-w", kept.root, "--num-workers", 0, "--epochs", 3, "--step-epochs", "1,2", "--json",
                    "--schedule", "steps", "--seed", 4, "--weights", "none")  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [one["epoch"] for one in found["history"]] == [1, 2, 3]
    assert set(found["evaluation"]["test"]["given"]) == {
        "num_samples", "top1", "top5", "macro_accuracy", "nll", "ece", "gap",
    }  # fmt: skip
    assert (found["weights"], found["mean_weight"], found["was_current"]) == ("none", 1.0, False)
    about = json.loads((kept.root / "models" / "classifier.about.json").read_text(encoding="utf-8"))
    assert (about["settings"]["random_state"], about["settings"]["step_epochs"]) == (4, [1, 2])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--step-epochs", "1,x"], 2, "--step-epochs must be whole numbers, such as 30,60, got '1,x'"),
        (["--weights", "softer"], 1, "`train.weights` must be soft, hard, .* or .*, got 'softer'"),
        (["--device", "abacus"], 1, "`device` must be one that torch can use here, got 'abacus'"),
        (["--ema-decay", "1"], 1, "`ema_decay` must be at least 0 and below 1, got 1.0"),
    ],
)
def test_mistakes_are_one_line(options: list[str], code: int, words: str, kept: Workspace) -> None:
    done = noisette("train", "-w", kept.root, *options)
    assert done.exit_code == code
    assert re.search(words.replace(" ", r"[\s│]+"), done.stderr)
    assert "Traceback" not in done.output


def test_run_trains_where_it_is_told_to(workspace: Workspace) -> None:
    done = noisette("run", "-w", workspace.root)
    assert not (workspace.root / "models").exists()
    done = noisette("run", "-w", workspace.root, "--train", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["training"]["architecture"] == "features:imported"
    assert "what is trained is a last layer on them" in done.stderr
    last = noisette("train", "-w", workspace.root).stdout.splitlines()
    assert "(nothing to do)" in last[0]
    assert last[-1] == f"next: noisette report -w {workspace.root}"


def test_a_share_of_the_verified_samples_is_measured_on(kept: Workspace) -> None:
    done = noisette("train", "-w", kept.root, "--num-workers", 0, "--weights", "none", "--hold-out", "100%")
    assert done.exit_code == 0, done.output
    assert re.search(r"^held-out +verified +\d+ ", done.stdout, re.MULTILINE)
    misuse = noisette("train", "-w", kept.root, "--hold-out", "2")
    assert misuse.exit_code == 2


def test_another_backbone_does_not_take_the_weights_that_were_meant_for_the_one_before(scored: Workspace) -> None:
    before = with_settings(scored, train={"backbone": "resnet18", "pretrained": "mine.pth"})
    assert start_options(before, None) == {}
    assert start_options(before, "resnet18") == {"backbone": "resnet18"}
    assert start_options(before, "round-1") == {"backbone": "round-1", "pretrained": ""}
