from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.pipeline.train_about import model_state
from noisette.pipeline.train_labels import training_labels
from noisette.pipeline.workspace import Workspace, with_settings
from noisette.store import read_samples
from tests.pipeline.conftest import files, forget_decisions, workspace
from tests.pipeline.image_data import contents
from tests.pipeline.test_train import _Stop, stop_at, train
from tests.pipeline.test_train_labels import decide
from tests.pipeline.train_data import scored, scored_root

__all__ = ["files", "scored", "scored_root", "workspace"]


@pytest.fixture
def joint(scored: Workspace) -> Workspace:
    """Nothing was detected in it."""
    shutil.rmtree(scored.root / "scores")
    return with_settings(scored, train={"weights": "end-to-end"}, references={"num_references": 4})


def test_it_needs_no_scores_and_says_both_losses(joint: Workspace) -> None:
    done = train(joint)
    assert (done.facts.weights, done.facts.verifier, done.facts.num_samples) == ("end-to-end", "", 60)
    terms = [one["terms"] for one in done.facts.history]
    assert [set(one) for one in terms] == [{"classifier_loss", "verifier_loss", "mean_weight"}] * 2
    assert done.facts.mean_weight == terms[-1]["mean_weight"]
    assert 0 < done.facts.mean_weight < 1
    assert set(done.facts.evaluation) == {"validation", "test"}
    assert json.loads((done.path / "metrics.json").read_text(encoding="utf-8"))["weights"] == "end-to-end"
    again = train(joint)
    assert again.was_current
    assert again.facts == done.facts
    assert not train(with_settings(joint, references={"num_references": 5})).was_current


def test_it_goes_on_where_it_was_stopped(joint: Workspace) -> None:
    undisturbed = train(joint, name="a")
    with pytest.raises(_Stop):
        train(joint, stop_at(3), name="b", checkpoint_steps=1)
    train(joint, name="b")
    assert contents(joint.model("b")) == contents(undisturbed.path)


def test_decisions_are_what_it_learns_from(joint: Workspace) -> None:
    samples = read_samples(joint.samples)
    first, second, third = samples.keys[:3]
    other = (int(samples.given_labels[0]) + 1) % 3
    before = train(joint)
    decide(joint, {("train", first): (0, other), ("train", second): (0, -2), ("train", third): (1, -1)})
    assert model_state(joint, before.path) == ("stale", "decisions changed")
    labels = training_labels(joint, samples)
    assert labels.labels[0] == other
    assert labels.weights[:3].tolist() == [1.0, 0.0, 1.0]
    with joint.reviews() as reviews:
        hopeless = sum(
            one.verification_label == 0 and one.correct_label < 0
            for (split, _), one in reviews.latest().items()
            if split == "train"
        )
    assert int((labels.weights == 0).sum()) == hopeless
    after = train(joint)
    assert (after.facts.num_changed, after.facts.num_without_weight) == (labels.num_changed, hopeless)
    assert np.isfinite([one["loss"] for one in after.facts.history]).all()


def test_without_a_decision_the_remedy_is_named(joint: Workspace) -> None:
    forget_decisions(joint)
    with pytest.raises(NotVerifiedError, match=r"end-to-end needs samples .*`noisette review`.*--weights none"):
        train(joint)


@pytest.mark.parametrize("options", [{"mixup": 0.2}, {"sampling": "weighted"}], ids=str)
def test_what_does_not_go_with_it_is_said_before_pictures_are_looked_at(
    joint: Workspace, options: dict[str, object]
) -> None:
    with pytest.raises(InvalidInputError, match="`recipe` has"):
        train(with_settings(joint, train=options))
    assert not joint.model("classifier.training").exists()


def test_a_last_layer_on_features_can_be_trained_so(workspace: Workspace) -> None:
    done = train(with_settings(workspace, train={"weights": "end-to-end", "epochs": 2, "head": "diagonal"}))
    assert done.facts.head == "diagonal"
    assert [len(one["terms"]) for one in done.facts.history] == [3, 3]
