from __future__ import annotations

from typing import Any

import pytest

import noisette
from noisette.errors import InvalidInputError, WorkspaceError
from noisette.pipeline.run import run
from noisette.pipeline.workspace import Workspace, keep_settings, open_workspace, with_settings
from tests.pipeline.conftest import files, workspace
from tests.pipeline.rounds_data import done, done_root, start, start_root

__all__ = ["done", "done_root", "files", "start", "start_root", "workspace"]


def test_the_public_name_takes_a_folder_and_gives_the_result(done: Workspace) -> None:
    keep_settings(with_settings(done, rounds={"verified_last": True}))
    found = noisette.run(str(done.root), rounds=2, num_workers=0)
    assert found.classifier == done.model("round-2-verified")
    assert found.rounds is not None
    assert found.rounds.was_current
    assert (found.report, found.training) == (done.report, None)
    assert found.detection.chosen == "average"
    assert "What the rounds of joint training gained" in found.report.read_text(encoding="utf-8")
    plain = noisette.run(done.root, num_workers=0)
    assert (plain.rounds, plain.training, plain.classifier) == (None, None, None)
    assert plain.embedding is not None
    assert plain.embedding.was_current


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rounds": -1}, "`rounds` must be at least 0, got -1"),
        ({"joint": "sideways"}, "`joint` must be rounds or end-to-end, got 'sideways'"),
        ({"joint": "end-to-end"}, "`joint` end-to-end has no rounds, got 2"),
        ({"rounds": 0, "verified_last": True}, "`verified_last` is the last step of rounds, got none"),
        ({"train": True}, "`train` goes with neither rounds nor end-to-end"),
    ],
)
def test_options_that_do_not_go_together_are_named(options: dict[str, Any], words: str, start: Workspace) -> None:
    with pytest.raises(InvalidInputError, match=words):
        run(start, **{"rounds": 2} | options)


def test_rounds_are_not_made_with_weights_that_need_none(start: Workspace) -> None:
    object.__setattr__(start.settings.train, "weights", "end-to-end")
    with pytest.raises(InvalidInputError, match="end-to-end needs no rounds; take --joint end-to-end"):
        run(start, rounds=1)


def test_joint_training_needs_pictures(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="so there is no network below them to train"):
        run(workspace, joint="end-to-end")


def test_end_to_end_trains_takes_features_and_finds_wrong_labels_by_them(start: Workspace) -> None:
    opened = with_settings(start, train={"batch_size": 32})
    found = run(opened, joint="end-to-end", num_workers=0)
    assert found.classifier == start.model("end-to-end")
    assert found.training is not None
    assert found.training.facts.weights == "end-to-end"
    assert found.embedding is not None
    assert found.embedding.backbone == "end-to-end"
    assert found.detection.num_samples == 84
    assert any("learned from the checked labels" in note for note in found.notes)
    kept = open_workspace(start.root).settings
    assert (kept.embed.backbone, kept.train.backbone, kept.train.weights) == ("end-to-end", "small-resnet:4", "soft")
    again = run(start.root, joint="end-to-end", num_workers=0)
    assert again.training is not None
    assert again.embedding is not None
    assert again.training.was_current
    assert again.embedding.was_current
