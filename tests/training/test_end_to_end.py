from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import noisette
from noisette.errors import DataFileError, InvalidInputError, NotVerifiedError, ShapeError, UnknownClassError
from noisette.functional.detection_metrics import auroc
from noisette.heads import HeteroscedasticHead
from noisette.training import EndToEndResult, TrainingRecipe, train_classifier, train_end_to_end
from tests.training.small_end_to_end import HIDDEN, Made, made, network, state_of
from tests.training.small_training import global_states
from tests.training.test_classifier import StopAt, Stopped

RECIPE = TrainingRecipe(epochs=3, batch_size=8, learning_rate=0.02)
AVERAGED = replace(RECIPE, ema_decay=0.9, label_smoothing=0.1, clip_norm=1.0, sampling="balanced")
MADE = made()


def train(recipe: TrainingRecipe = RECIPE, data: Made = MADE, classes: int = 3, **options: Any) -> EndToEndResult:
    defaults: dict[str, Any] = {
        "model": network(classes), "verification_labels": data.verification, "num_references": 4, "refresh_steps": 3,
        "verified_per_step": 3, "validation": data.data,
    }  # fmt: skip
    return train_end_to_end(train=data.data, recipe=recipe, **(defaults | options))


def assert_same(found: EndToEndResult, expected: EndToEndResult) -> None:
    for name, value in state_of(expected.network).items():
        torch.testing.assert_close(
            found.network.state_dict()[name], value, rtol=0, atol=0, equal_nan=True, msg=lambda text, n=name: n + text
        )
    assert found.history == expected.history


@pytest.mark.parametrize("recipe", [RECIPE, AVERAGED], ids=["plain", "averaged"])
def test_a_training_that_was_stopped_ends_as_an_undisturbed_one(recipe: TrainingRecipe, tmp_path: Path) -> None:
    for steps in (4, 3, 5):  # 15 steps, references after every third, checkpoints after every second of an epoch
        with pytest.raises(Stopped):
            train(recipe, folder=tmp_path, checkpoint_steps=2, progress=StopAt(steps))
    before = global_states()
    whole = train(recipe)
    assert global_states() == before
    assert_same(train(recipe, folder=tmp_path, checkpoint_steps=2), whole)
    assert_same(train(recipe, folder=tmp_path, progress=StopAt(1)), whole)


def test_a_checkpoint_of_other_verified_labels_is_not_gone_on_with(tmp_path: Path) -> None:
    train(folder=tmp_path)
    others = MADE.verification.copy()
    others[np.flatnonzero(others >= 0)[0]] = -1
    with pytest.raises(DataFileError, match="another `verification_labels`"):
        train(folder=tmp_path, verification_labels=others)
    with pytest.raises(DataFileError, match=r"another `num_references` \(4, now 5\)"):
        train(folder=tmp_path, num_references=5)
    with pytest.raises(DataFileError, match="another `verifier_loss`"):
        train(folder=tmp_path, verifier_loss=noisette.VerifierLoss(margin=0.2))


def test_the_result_holds_classifier_verifier_references_and_both_losses() -> None:
    model = network()
    found = train(model=model)
    assert found.classifier.model is model
    assert found.classifier.metrics is not None
    assert found.references.shape == (3, 4, HIDDEN)
    assert isinstance(found.cleannet, noisette.CleanNet)
    assert not any(module.training for module in found.network.modules())
    for record in found.history:
        terms = record.terms
        assert record.loss == pytest.approx(terms["classifier_loss"] + terms["verifier_loss"], rel=1e-5)
        assert 0 < terms["mean_weight"] < 1
    assert found.similarities(MADE.data).shape == (40,)
    assert np.abs(found.similarities(MADE.data, batch_size=7)).max() <= 1


def test_in_the_warm_up_all_weights_are_one() -> None:
    one = np.full(40, -1)
    one[0] = 1  # the only weight that does not come from CleanNet is 1, too
    options: dict[str, Any] = {"verification_labels": one, "verifier_weight": 0.0, "verified_per_step": 0}
    alone = train_classifier(network(), MADE.data, recipe=RECIPE)
    joint = train(warmup_epochs=3, **options)
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(joint.classifier.model.state_dict()[name], value, rtol=0, atol=1e-6)
    weighted = train(warmup_epochs=1, **options)
    assert not torch.equal(weighted.classifier.model.state_dict()["6.weight"], alone.model.state_dict()["6.weight"])


def test_a_class_without_any_sample_is_no_obstacle() -> None:
    found = train(classes=4, model=network(4))
    assert bool(found.references[3].isnan().all())
    assert bool(found.references[:3].isfinite().all())
    assert np.isnan(found.similarities(MADE.data, np.full(40, 3))).all()
    assert np.isfinite(found.similarities(MADE.data)).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_a_label_every_sample_of_which_was_found_wrong_is_no_obstacle(classes: int) -> None:
    data = made(30, classes, verified_classes=classes, each=4)
    verification = np.where(data.given == 0, 0, data.verification)
    found = train(data=data, classes=classes, verification_labels=verification)
    assert bool(found.references[0].isnan().all())
    assert all(np.isfinite(record.loss) for record in found.history)
    corrected = train(
        data=data, classes=classes, verification_labels=verification,
        correct_labels=np.where((verification == 0) & (data.true != data.given), data.true, -1),
    )  # fmt: skip
    assert all(np.isfinite(record.loss) for record in corrected.history)


def test_a_heteroscedastic_head_and_bfloat16_train_too() -> None:
    model = nn.Sequential(*list(network())[:-1], HeteroscedasticHead(HIDDEN, 3, num_factors=2))
    found = train(replace(RECIPE, precision="bfloat16"), model=model)
    assert found.references.dtype == torch.float32
    assert all(np.isfinite(record.loss) for record in found.history)


def test_the_defaults_need_no_more_than_labels_in_the_data_set() -> None:
    found = train_end_to_end(network(), MADE.data, verification_labels=torch.from_numpy(MADE.verification),
                             recipe=replace(RECIPE, epochs=1))  # fmt: skip
    assert found.references.shape == (3, 32, HIDDEN)


def test_its_weights_tell_wrong_labels_of_classes_that_nobody_verified() -> None:
    data = made(600, 4, verified_classes=2, each=40, seed=1)
    new = made(400, 4, seed=2)
    clean = TensorDataset(new.data.tensors[0], torch.from_numpy(new.true))
    recipe = TrainingRecipe(epochs=10, batch_size=32)
    found = train(recipe, data, 4, num_references=16, refresh_steps=None, validation=clean, verified_per_step=None)
    is_new_class = data.given >= 2
    weights = found.similarities(data.data).clip(min=0)
    assert auroc(weights[is_new_class], (data.given == data.true)[is_new_class]) > 0.9
    assert auroc(found.similarities(new.data).clip(min=0), new.given == new.true) > 0.9
    assert found.classifier.metrics is not None
    assert found.classifier.metrics.top1 > 0.9


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"verification_labels": [-1] * 40}, NotVerifiedError, "`verification_labels` are all -1"),
        ({"num_references": 0}, InvalidInputError, "`num_references` must be at least 1, got 0"),
        ({"refresh_steps": 0}, InvalidInputError, "`refresh_steps` must be at least 1, got 0"),
        ({"verifier_weight": -1.0}, InvalidInputError, "`verifier_weight` must be at least 0, got -1"),
        ({"warmup_epochs": float("nan")}, InvalidInputError, "`warmup_epochs` must be at least 0, got nan"),
        ({"recipe": replace(RECIPE, mixup=0.2)}, InvalidInputError, "has mixup.*set mixup=0"),
        ({"recipe": replace(RECIPE, sampling="weighted")}, InvalidInputError, "has sampling='weighted'.*'shuffle'"),
        ({"plain": made(39).data}, ShapeError, "`plain` must hold the samples of `train`, 40, got 39"),
        ({"model": network(2)}, UnknownClassError, "a label is 2, but `model` has 2 outputs"),
        ({"model": nn.Sequential(nn.Linear(12, 3), nn.Unflatten(1, (3, 1)))}, ShapeError, r"must give \(B, K\)"),
        ({"layer": "head"}, InvalidInputError, "`layer` 'head' is no module of the model"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        train(**options)


def test_scores_of_labels_beyond_the_classes_are_refused() -> None:
    found = train(replace(RECIPE, epochs=1))
    with pytest.raises(UnknownClassError, match=r"a label is 3, but there are classes 0\.\.2"):
        found.similarities(MADE.data, np.full(40, 3))
    with pytest.raises(ShapeError, match=r"`labels` must have shape \(40,\)"):
        found.similarities(MADE.data, [0])
