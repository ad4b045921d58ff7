from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from noisette.errors import DataFileError, InvalidInputError, TooManyBadRowsError, WorkspaceError
from noisette.pipeline.embed import embed
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.train import TrainResult
from noisette.pipeline.train import train as run_train
from noisette.pipeline.train_network import load_network
from noisette.pipeline.workspace import Workspace, with_settings
from noisette.types import Progress, silent
from tests.features.pictures import write_broken
from tests.pipeline.conftest import files, workspace
from tests.pipeline.image_data import contents
from tests.pipeline.train_data import scored, scored_root

__all__ = ["files", "scored", "scored_root", "workspace"]


def train(opened: Workspace, progress: Progress = silent, **options: Any) -> TrainResult:
    return run_train(opened, progress, **{"num_workers": 0} | options)


class _Stop(Exception):
    pass


def stop_at(step: int, what: str = "train") -> Progress:
    def progress(name: str, done: int, _total: int) -> None:
        if name == what and done == step:
            raise _Stop

    return progress


def test_soft_weights_are_those_of_the_scores(scored: Workspace) -> None:
    done = train(scored)
    table = read_scores(scored.scores("average"))
    is_training = np.array(table.splits) == "train"
    assert done.facts.num_samples == 60
    assert done.facts.mean_weight == pytest.approx(table.scores.sample_weight[is_training].mean())
    assert (done.facts.verifier, done.facts.weights, done.facts.head) == ("average", "soft", "plain")
    assert [one["epoch"] for one in done.facts.history] == [1, 2]
    assert done.facts.history[-1]["metrics"] == done.facts.evaluation["validation"]["given"]


def test_both_evaluation_splits_are_measured_and_the_confusions_kept(scored: Workspace) -> None:
    done = train(scored)
    assert {split: list(kinds) for split, kinds in done.facts.evaluation.items()} == {
        "validation": ["given"],
        "test": ["given"],
    }
    numbers = done.facts.evaluation["test"]["given"]
    lines = (done.path / "confusion-test-given.csv").read_text(encoding="utf-8").splitlines()
    cells = [line.split(",") for line in lines[1:]]
    assert lines[0] == "true_class,predicted_class,count"
    assert sum(int(count) for _, _, count in cells) == numbers["num_samples"] == 18
    right = sum(int(count) for true, predicted, count in cells if true == predicted)
    assert numbers["top1"] == pytest.approx(right / 18)
    assert (
        json.loads((done.path / "metrics.json").read_text(encoding="utf-8"))["evaluation"]["test"]["given"] == numbers
    )


def test_nothing_is_done_twice_and_another_seed_is_another_classifier(scored: Workspace) -> None:
    first = train(scored)
    before = contents(first.path)
    again = train(scored)
    assert (first.was_current, again.was_current) == (False, True)
    assert again.facts == first.facts
    other = train(with_settings(scored, project={"random_state": 1}))
    assert not other.was_current
    assert contents(other.path)["weights.safetensors"] != before["weights.safetensors"]
    assert not train(scored, fresh=True).was_current
    assert contents(first.path) == before


@pytest.mark.parametrize(("what", "step"), [("train", 3), ("train", 4), ("train", 5), ("look at pictures", 96)])
def test_a_stopped_training_goes_on_and_gives_the_same_bytes(what: str, step: int, scored: Workspace) -> None:
    undisturbed = train(scored, name="a")
    with pytest.raises(_Stop):
        train(scored, stop_at(step, what), name="b", checkpoint_steps=1)
    assert not scored.model("b").exists()
    steps: list[int] = []
    train(scored, lambda name, done, _total: steps.append(done) if name == "train" else None, name="b")
    assert steps[0] == (step if what == "train" else 1)
    assert contents(scored.model("b")) == contents(undisturbed.path)
    assert not scored.model("b.training").exists()


def test_an_unfinished_training_is_not_mixed_with_another(scored: Workspace) -> None:
    with pytest.raises(_Stop):
        train(scored, stop_at(2))
    other = with_settings(scored, train={"learning_rate": 0.1, "weights": "hard"})
    words = "begun with another learning_rate, weights; go on with those, or begin again: `noisette train --fresh`"
    with pytest.raises(WorkspaceError, match=words):
        train(other)
    assert train(other, fresh=True).facts.weights == "hard"


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("heteroscedastic", {"num_factors": 2}),
        ("diagonal", {"num_factors": 0}),
        ("parameter-efficient", {"num_factors": 2, "parameter_efficient": True}),
        ("xl", {"num_factors": 2, "temperature": 1.5}),
    ],
)
def test_every_head_is_trained_and_comes_back(head: str, options: dict[str, object], scored: Workspace) -> None:
    temperature = options.get("temperature", 0.0)
    done = train(with_settings(scored, train={"head": head, "num_factors": 2, "temperature": temperature, "epochs": 1}))
    network = load_network(done.path)
    assert (network.head, network.layer, dict(network.head_options)) == (head, "fc", options)
    outputs = network.model.eval()(torch.zeros(2, 3, 8, 8))
    assert torch.isfinite(outputs).all()
    assert outputs.exp().sum(1).tolist() == pytest.approx([1.0, 1.0], abs=1e-3)
    features = embed(with_settings(scored, embed={"backbone": "classifier"}), num_workers=0)
    assert (features.num_features, features.backbone) == (16, "classifier")


def test_a_classifier_is_gone_on_from(scored: Workspace) -> None:
    train(scored, name="first")
    onwards = with_settings(scored, train={"backbone": "first", "epochs": 1, "learning_rate": 0.0, "image_size": 0})
    second = train(onwards, name="second")
    first = load_file(scored.model("first") / "weights.safetensors")["fc.weight"]
    assert torch.equal(load_file(second.path / "weights.safetensors")["fc.weight"], first)
    third = train(with_settings(onwards, train={"head": "heteroscedastic", "backbone": "second"}), name="third")
    assert torch.equal(load_file(third.path / "weights.safetensors")["fc.loc.weight"], first)
    fourth = train(with_settings(onwards, train={"backbone": "third"}), name="fourth")
    assert load_network(fourth.path).head == "plain"
    with pytest.raises(InvalidInputError, match="`name` 'second' is the classifier that training would go on from"):
        train(with_settings(onwards, train={"backbone": "second"}), name="second")


def test_bad_pictures_are_named_and_left_out(scored: Workspace) -> None:
    for name, kind in {"0000.jpg": "empty", "0002.jpg": "text"}.items():
        write_broken(scored.image_root / "train" / "leaf" / name, kind)
    (scored.image_root / "test" / "sky" / "0001.png").unlink()
    done = train(scored)
    assert (done.facts.num_samples, done.facts.num_left_out) == (58, 2)
    assert done.facts.bad == {"empty file": 1, "not an image": 1, "missing file": 1}
    assert done.facts.evaluation["test"]["given"]["num_samples"] == 17
    assert "leaf/0000.jpg: empty file" in str(done.bad[0])
    with pytest.raises(TooManyBadRowsError, match="empty file"):
        train(with_settings(scored, input={"on_error": "stop"}), fresh=True)


def test_without_a_usable_picture_it_says_so(scored: Workspace) -> None:
    for path in scored.image_root.rglob("*.*g"):
        path.unlink()
    opened = with_settings(scored, input={"max_bad": 1.0})
    with pytest.raises(DataFileError, match="no picture could be used: 96 of 96 pictures skipped: 96 missing file"):
        train(opened)


def test_large_pictures_are_decoded_as_they_are_needed(scored: Workspace) -> None:
    large = with_settings(scored, train={"image_size": 65, "epochs": 1})
    assert train(large, name="large").facts.num_samples == 60
    (scored.image_root / "train" / "leaf" / "0000.jpg").unlink()  # which `embed` had seen to be good
    with pytest.raises(Exception, match=r"leaf/0000\.jpg could be read when the training began, and cannot any more"):
        train(large, name="again")


def test_a_workspace_of_features_gets_a_last_layer(workspace: Workspace) -> None:
    opened = with_settings(workspace, train={"weights": "none", "epochs": 3, "head": "diagonal"})
    done = train(opened)
    assert (done.facts.architecture, done.facts.num_samples, done.facts.verifier) == ("features:imported", 240, "")
    assert "the workspace was made from features: what is trained is a last layer on them" in done.facts.notes
    assert "there is no validation or test split, so the classifier is measured on nothing" in done.facts.notes
    assert done.facts.history[-1]["loss"] < done.facts.history[0]["loss"]
    assert train(opened).was_current


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backbone": "pixels"}, "`backbone` pixels has nothing to train; small-resnet is a small network"),
        ({"pretrained": "x", "from_scratch": True}, "`pretrained` and `from_scratch` contradict each other"),
        ({"backbone": "resnet1800", "from_scratch": True}, "must be a model that timm knows, got 'resnet1800'"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"schedule": "steps"}, "`step_epochs` is empty"),
    ],
)
def test_mistakes_are_named_before_anything_is_learned(
    options: dict[str, object], words: str, scored: Workspace
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        train(with_settings(scored, train=options))


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x.training"])
def test_a_name_is_the_name_of_a_folder(name: str, scored: Workspace) -> None:
    with pytest.raises(InvalidInputError, match="`name` must be letters, digits"):
        train(scored, name=name)


def test_scores_that_are_not_there_are_asked_for(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="run `noisette detect` first"):
        train(workspace)


def test_a_network_of_the_users_gets_a_last_layer_for_the_classes(scored: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "train_net.py"
    lines = ["from torch import nn", "def make():", "    return nn.Sequential(nn.Flatten(), nn.Linear(192, 7))"]
    source.write_text("\n".join(lines), encoding="utf-8")
    opened = with_settings(scored, train={"backbone": f"{source}:make"})
    done = train(opened)
    assert done.facts.num_parameters == 192 * 3 + 3
    settings = json.loads(done.path.with_name("classifier.about.json").read_text(encoding="utf-8"))["settings"]
    assert settings["backbone"] == "train_net.py:make"
    features = embed(with_settings(opened, embed={"backbone": "classifier"}), num_workers=0)
    assert features.num_features == 192


def test_a_timm_model_is_trained_from_random_weights(scored: Workspace) -> None:
    options = {"backbone": "resnet10t", "from_scratch": True, "image_size": 32, "epochs": 1, "head": "heteroscedastic"}
    done = train(with_settings(scored, train=options))
    assert (done.facts.architecture, load_network(done.path).layer) == ("resnet10t", "fc")
    features = embed(with_settings(scored, embed={"backbone": "classifier"}), num_workers=0)
    assert features.num_features == 512


def test_what_is_recorded_knows_no_place(scored: Workspace) -> None:
    train(scored)
    for name, data in contents(scored.root / "models").items():
        assert str(scored.root).encode() not in data, name


def test_settings_are_kept_as_they_are(scored: Workspace) -> None:
    text = (scored.root / "noisette.toml").read_text(encoding="utf-8")
    train(with_settings(scored, train={"epochs": 1}))
    assert (scored.root / "noisette.toml").read_text(encoding="utf-8") == text
    assert dataclasses.asdict(scored.settings)["train"]["epochs"] == 2
