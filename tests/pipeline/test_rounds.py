from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import pytest

from noisette.errors import DataFileError, InvalidInputError, NoisetteError, NotVerifiedError, WorkspaceError
from noisette.pipeline.embed import embed
from noisette.pipeline.rounds import RoundsResult, run_rounds
from noisette.pipeline.rounds_about import round_states
from noisette.pipeline.rounds_record import read_rounds
from noisette.pipeline.rounds_settings import last_step, tuning
from noisette.pipeline.status import workspace_status
from noisette.pipeline.workspace import Workspace, keep_settings, open_workspace, with_settings
from noisette.store import ParquetTable
from noisette.types import Progress, silent
from tests.pipeline.conftest import files, forget_decisions, workspace
from tests.pipeline.rounds_data import done, done_root, start, start_root
from tests.pipeline.test_killed import assert_same
from tests.pipeline.test_train import _Stop
from tests.pipeline.test_train_labels import decide

__all__ = ["done", "done_root", "files", "start", "start_root", "workspace"]
WHOLE = (
    "round 0: look at pictures", "round 0: train",
    "round 1: embed", "round 1: neighbors", "round 1: references", "round 1: fit", "round 1: score",
    "round 1: look at pictures", "round 1: train",
    "round 2: embed", "round 2: neighbors", "round 2: references", "round 2: fit", "round 2: score",
    "round 2: look at pictures", "round 2: train",
    "round 2: look at pictures", "round 2: train",
)  # fmt: skip


class Log:
    """Remembers the steps, and stops a run when the n-th of them makes its first move."""

    def __init__(self, stop_at: int = -1) -> None:
        self.calls: list[str] = []
        self.stop_at = stop_at

    def __call__(self, what: str, _done: int, _total: int) -> None:
        self.calls.append(what)
        if len(self.steps) - 1 == self.stop_at:
            raise _Stop

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(what for what, _ in groupby(self.calls))


def loop(opened: Workspace, progress: Progress = silent, rounds: int = 2, **options: Any) -> RoundsResult:
    return run_rounds(opened, rounds, progress, num_workers=0, **options)


def test_the_steps_come_in_the_order_of_the_loop(done: Workspace) -> None:
    assert tuple(json.loads((done.root.parent / "steps.json").read_text(encoding="utf-8"))) == WHOLE
    records = read_rounds(done)
    assert [one.name for one in records] == ["round-0", "round-1", "round-2", "round-2-verified"]
    assert [one.weights for one in records] == ["none", "soft", "soft", "verified"]
    features = ParquetTable(done.features)
    assert (features.metadata["backbone"], features.num_features) == ("round-1", 32)
    assert done.settings.embed.backbone == "round-1"
    assert done.settings.train.backbone == "small-resnet:4"


def test_a_record_says_what_was_measured_on_whom(done: Workspace) -> None:
    first, second, _, last = read_rounds(done)
    assert (first.detection, first.held_out, first.num_issues, first.verifier) == (None, None, None, "")
    assert second.detection is not None
    assert second.held_out is not None
    assert (second.detection["num_rows"], second.held_out["num_rows"]) == (24, 9)
    assert 0 <= second.detection["average_error"] <= 1
    assert second.verifier == second.detection["name"] == "average"
    assert second.num_issues is not None
    sizes = {(split, kind): n["num_samples"] for split, kinds in last.evaluation.items() for kind, n in kinds.items()}
    assert sizes.pop(("validation", "verified")) in range(1, 10)
    assert sizes == {("validation", "given"): 18, ("test", "given"): 18}
    assert (first.learned_from, second.learned_from) == (48, 48)
    assert last.learned_from < 24
    text = (done.rounds / "round-1.json").read_text(encoding="utf-8")
    assert json.loads(text)["evaluation"] == second.evaluation
    assert str(done.root) not in text


@pytest.mark.parametrize("step", [2, 8, 17])
def test_a_stopped_run_goes_on_and_gives_the_same_bytes(step: int, start: Workspace, done: Workspace) -> None:
    with pytest.raises(_Stop):
        loop(start, Log(step), verified_last=True)
    log = Log()
    loop(open_workspace(start.root), log, verified_last=True)
    number = int(WHOLE[step].split()[1].strip(":"))
    assert not any(what.startswith(f"round {before}") for what in log.steps for before in range(number))
    assert_same(start.root, done.root)


def test_a_finished_run_does_nothing_and_gives_the_same_result(done: Workspace) -> None:
    log = Log()
    again = loop(done, log, verified_last=True)
    assert log.steps == ()
    assert again.was_current
    assert again.records == read_rounds(done)
    without = loop(done)
    assert without.classifier == done.model("round-2")


def test_more_rounds_go_on_from_the_last_one(done: Workspace) -> None:
    log = Log()
    found = loop(done, log, 3)
    assert {what.partition(":")[0] for what in log.steps} == {"round 3"}
    assert found.classifier == done.model("round-3")
    assert [one.name for one in read_rounds(done)] == ["round-0", "round-1", "round-2", "round-3"]
    log = Log()
    fewer = loop(open_workspace(done.root), log, 1)
    assert log.steps == WHOLE[2:7]
    assert fewer.classifier == done.model("round-1")
    assert len(read_rounds(done)) == 4


def test_a_new_decision_makes_all_but_the_first_round_stale(done: Workspace) -> None:
    assert {state for state, _ in round_states(done).values()} == {"current"}
    assert {model.state for model in workspace_status(done).models} == {"current"}  # though their scores are gone
    decide(done, {("train", "apple/0001.png"): (1, -1)})
    assert round_states(done) == {
        "round-0": ("current", ""),
        "round-1": ("stale", "decisions changed"),
        "round-2": ("stale", "round-1 is not current"),
        "round-2-verified": ("stale", "round-1 is not current"),
    }
    log = Log()
    loop(done, log, 1)
    assert log.steps == WHOLE[2:9]


@pytest.mark.parametrize(
    ("sections", "first"),
    [
        ({"train": {"learning_rate": 0.2}}, 0),
        ({"rounds": {"learning_rate_factor": 0.25}}, 1),
        ({"detect": {"goal": "budget=5"}}, 1),
        ({"embed": {"batch_size": 16}}, 1),
        ({"train": {"weights": "hard"}}, 1),
    ],
)
def test_changed_settings_make_what_depends_on_them_stale(
    sections: dict[str, dict[str, object]], first: int, done: Workspace
) -> None:
    changed = with_settings(done, **sections)
    states = round_states(changed)
    assert [states[f"round-{number}"][0] == "current" for number in range(3)] == [number < first for number in range(3)]
    with pytest.raises(_Stop):
        loop(changed, log := Log(0))
    assert log.steps[0].startswith(f"round {first}: ")


def test_what_is_half_done_of_other_settings_is_begun_again(start: Workspace, done: Workspace) -> None:
    slower = with_settings(start, train={"learning_rate": 0.01})
    with pytest.raises(_Stop):
        loop(slower, Log(1))
    assert start.model("round-0.training").exists()
    with pytest.raises(_Stop):
        loop(start, Log(2))  # at the first features
    other = with_settings(start, embed={"dtype": "float32"})
    with pytest.raises(_Stop):
        loop(other, Log(0))
    loop(start, verified_last=True)
    assert_same(start.root, done.root)


def test_a_classifier_that_was_changed_is_made_again(done: Workspace) -> None:
    before = (done.model("round-1") / "metrics.json").read_bytes()
    (done.model("round-1") / "metrics.json").write_text("{}", encoding="utf-8")
    assert round_states(done)["round-1"] == ("stale", "the classifier itself changed")
    loop(done, rounds=1)
    assert (done.model("round-1") / "metrics.json").read_bytes() == before


def test_the_start_is_written_down_before_it_is_overwritten(start: Workspace) -> None:
    of_embedding = with_settings(start, train={"backbone": "", "image_size": 8}, embed={"backbone": "pixels:4"})
    loop(of_embedding, rounds=1)
    opened = open_workspace(start.root)
    assert (opened.settings.train.backbone, opened.settings.embed.backbone) == ("small-resnet", "round-0")
    assert loop(opened, rounds=1).was_current
    forgotten = with_settings(opened, train={"backbone": ""})
    with pytest.raises(
        InvalidInputError, match=r"`train.backbone` must be what .* starts from, got 'round-0', which it"
    ):
        loop(forgotten, rounds=1)
    keep_settings(forgotten)
    assert round_states(forgotten)["round-0"] == ("stale", "backbone changed")


def test_a_fine_tuning_goes_on_with_the_schedule_squeezed(done: Workspace) -> None:
    schedule = {"epochs": 30, "learning_rate": 0.5, "warmup_epochs": 3.0, "step_epochs": (2, 15, 27), "head": "xl"}
    opened = with_settings(done, train=schedule | {"from_scratch": True}, rounds={"epochs": 10, "verified_epochs": 3})
    train = tuning(opened, 2).settings.train
    assert (train.backbone, train.pretrained, train.from_scratch, train.weights) == ("round-1", "", False, "soft")
    assert (train.epochs, train.learning_rate, train.warmup_epochs) == (10, 0.25, 1.0)
    assert train.step_epochs == (1, 5, 9)
    assert (train.head, train.image_size) == ("xl", 16)
    last = last_step(opened, 2).settings.train
    assert (last.backbone, last.weights, last.epochs, last.step_epochs) == ("round-2", "verified", 3, (1, 2, 3))
    for number in range(3):
        about = json.loads((done.model(f"round-{number}") / "model.json").read_text(encoding="utf-8"))
        assert about["image_size"] == 16


def test_a_damaged_record_is_named(done: Workspace) -> None:
    (done.rounds / "round-1.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"round-1\.json: is damaged"):
        loop(done)


def test_a_workspace_of_features_has_nothing_to_embed_again(workspace: Workspace) -> None:
    with pytest.raises(
        WorkspaceError, match=r"was made from features, so there are no pictures .* `noisette run --train`"
    ):
        loop(workspace)


def test_a_last_step_without_a_verified_label_ends_before_anything_is_done(start: Workspace) -> None:
    forget_decisions(start)
    log = Log()
    with pytest.raises(NotVerifiedError, match="check some with `noisette review`"):
        loop(start, log, verified_last=True)
    assert log.steps == ()


def test_without_any_verified_label_the_loop_runs_and_measures_no_detection(start: Workspace) -> None:
    forget_decisions(start)
    found = loop(with_settings(start, detect={"verifier": "auto"}), rounds=1)
    record = found.records[-1]
    assert (record.detection, record.held_out, record.verifier) == (None, None, "evidence")
    assert any(note.startswith("no verification labels") for note in found.detection.notes)


def test_embedding_by_hand_between_is_put_right(done: Workspace) -> None:
    embed(with_settings(done, embed={"backbone": "pixels:4"}), num_workers=0)
    log = Log()
    found = loop(open_workspace(done.root), log)
    assert log.steps == ("round 2: embed",)  # of the same features everything else is current
    assert found.embedding.backbone == "round-1"


def test_a_backbone_that_does_not_exist_costs_no_finished_round(done: Workspace) -> None:
    wrong = with_settings(done, train={"backbone": "no-such-net"})
    before = {path.name: path.read_bytes() for path in done.rounds.glob("*.json")}
    settings = (done.root / "noisette.toml").read_bytes()
    with pytest.raises(NoisetteError, match="no-such-net"):
        run_rounds(wrong, 2, num_workers=0)
    assert {path.name: path.read_bytes() for path in done.rounds.glob("*.json")} == before
    assert (done.root / "noisette.toml").read_bytes() == settings


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"detect": {"weights": "hard"}}, "`detect.weights` is hard; set it to soft"),
        (
            {"train": {"verifier": "cleannet"}},
            "`train.verifier` must be one that `detect` fits, average",
        ),
    ],
)
def test_weights_that_detection_will_not_give_are_named_before_anything_is_done(
    sections: dict[str, dict[str, str]], words: str, start: Workspace
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        run_rounds(with_settings(start, **sections), 1, num_workers=0)
    assert not start.model("round-0").exists()


def test_a_damaged_classifier_is_made_again_also_after_a_stop(done: Workspace) -> None:
    weights = done.model("round-1") / "weights.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-4] + b"\0\0\0\0")

    def stop(what: str, *_: int) -> None:
        if what == "round 1: train":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_rounds(done, 2, stop, num_workers=0)
    run_rounds(done, 2, num_workers=0)
    assert weights.read_bytes() == good


def test_a_training_begun_on_another_device_is_begun_again(start: Workspace) -> None:
    def stop(what: str, number: int, _: int) -> None:
        if what == "round 0: train" and number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_rounds(start, 1, stop, num_workers=0)
    begun = start.model("round-0.training") / "begun.json"
    begun.write_text(begun.read_text(encoding="utf-8").replace('"device": "cpu"', '"device": "cuda"'), encoding="utf-8")
    assert run_rounds(start, 1, num_workers=0).records[0].name == "round-0"
