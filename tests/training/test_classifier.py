from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import IterableDataset, TensorDataset

from noisette.errors import DataFileError, InvalidInputError, NoisetteError
from noisette.heads import HeteroscedasticHead
from noisette.training import TrainedClassifier, TrainingRecipe, WeightedDataset, train_classifier
from tests.training.small_training import CASES, CLASSES, PLAIN, Pictures, global_states, network, state_of, train_case


class Stopped(Exception):
    pass


class StopAt:
    """Stops a training after so many steps of this run."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Stopped


def assert_same(found: TrainedClassifier, expected: TrainedClassifier) -> None:
    for name, value in state_of(expected).items():
        torch.testing.assert_close(found.model.state_dict()[name], value, rtol=0, atol=0, msg=name)
    assert [record.loss for record in found.history] == [record.loss for record in expected.history]
    assert found.history == expected.history
    assert found.metrics is not None
    assert expected.metrics is not None
    assert found.metrics.as_numbers() == expected.metrics.as_numbers()


def plain(data: Any, recipe: TrainingRecipe = PLAIN, **options: Any) -> TrainedClassifier:
    return train_classifier(network(norm=False, dropout=0.0), data, recipe=recipe, **options)


@pytest.mark.parametrize("case", [name for name in CASES if not name.startswith("plain")])
@pytest.mark.parametrize(
    "steps", [1, 6, 9]
)  # before a checkpoint, after one in the middle of an epoch, and between two
def test_a_training_that_was_stopped_ends_as_an_undisturbed_one(case: str, steps: int, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_case(case, tmp_path, progress=StopAt(steps))
    assert_same(train_case(case, tmp_path), train_case(case))


def test_a_training_that_is_stopped_again_and_again_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    for _ in range(5):
        with pytest.raises(Stopped):
            train_case("sgd", tmp_path, progress=StopAt(3))
    assert_same(train_case("sgd", tmp_path), train_case("sgd"))


def test_a_finished_training_gives_its_result_again(tmp_path: Path) -> None:
    first = train_case("sgd", tmp_path)
    assert_same(train_case("sgd", tmp_path, progress=StopAt(1)), first)


def test_workers_change_nothing() -> None:
    found = []
    for workers in (0, 2):
        recipe = replace(CASES["sgd"], num_workers=workers)
        found.append(train_classifier(network(), Pictures(), recipe=recipe, validation=Pictures(6, augment=False)))
    assert_same(*found)


def test_another_seed_is_another_training() -> None:
    first, second = (state_of(plain(Pictures(), random_state=seed)) for seed in (0, 1))
    assert not torch.equal(first["0.weight"], second["0.weight"])


@pytest.mark.parametrize("is_stopped", [False, True])
def test_global_generators_are_left_alone(is_stopped: bool, tmp_path: Path) -> None:
    before = global_states()
    if is_stopped:
        with pytest.raises(Stopped):
            train_case("sgd", tmp_path, progress=StopAt(6))
    else:
        train_case("sgd", tmp_path)
        train_case("sgd", tmp_path)  # nothing left to train: it evaluates alone
    assert global_states() == before


def test_what_global_generators_hold_does_not_matter() -> None:
    found = []
    for seed in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            found.append(train_case("sgd"))
    assert_same(*found)


def test_looking_at_a_validation_set_changes_nothing() -> None:
    watched = train_classifier(network(), Pictures(), recipe=CASES["sgd"], validation=Pictures(7))
    alone = train_classifier(network(), Pictures(), recipe=CASES["sgd"])
    for name, value in state_of(alone).items():
        assert torch.equal(value, watched.model.state_dict()[name])


def test_weights_of_one_are_no_weights() -> None:
    data = Pictures(weighted=False)
    ones = WeightedDataset(
        data, dict.fromkeys(map(str, range(len(data))), 1.0), keys=[str(n) for n in range(len(data))]
    )
    weighted, alone = state_of(plain(ones)), state_of(plain(data))
    assert all(torch.equal(value, weighted[name]) for name, value in alone.items())


def test_samples_of_weight_zero_have_no_influence() -> None:
    found = []
    for shift in (0.0, 100.0):
        data = Pictures()
        data.sample_weight[::3] = 0.0
        data.pictures[::3] += shift
        data.labels[::3] = 0
        found.append(state_of(plain(data)))
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


def test_weights_of_zero_alone_leave_the_model_as_it_was() -> None:
    data = Pictures()
    data.sample_weight[:] = 0.0
    trained = plain(data)
    before = network(norm=False, dropout=0.0).state_dict()
    assert all(torch.equal(value, before[name]) for name, value in state_of(trained).items())
    assert [record.loss for record in trained.history] == [0.0, 0.0]


def test_a_step_is_that_of_a_bare_loop() -> None:
    data = Pictures(8, augment=False)
    recipe = TrainingRecipe(epochs=1, batch_size=8, schedule="constant", warmup_epochs=0, learning_rate=0.1)
    expected = network(norm=False, dropout=0.0)
    optimizer = torch.optim.SGD(expected.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    labels, weights = torch.tensor(data.labels), torch.tensor(data.sample_weight, dtype=torch.float32)
    losses = nn.functional.cross_entropy(expected(data.pictures), labels, reduction="none")
    (losses * weights).sum().div(8).backward()
    for parameter in expected.parameters():
        if parameter.ndim > 1 and parameter.grad is not None:
            parameter.grad += 5e-4 * parameter.detach()
    optimizer.step()
    found = state_of(plain(data, recipe))
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6)


def test_a_rate_falls_with_the_first_step_of_its_epoch_and_the_last_step_is_not_lost() -> None:
    steps = TrainingRecipe(
        epochs=3, batch_size=4, schedule="steps", step_epochs=(1, 2), learning_rate=0.1, warmup_epochs=0
    )
    assert [record.learning_rate for record in plain(Pictures(), steps).history] == pytest.approx([0.1, 0.01, 0.001])
    cosine = plain(Pictures(), replace(PLAIN, warmup_epochs=0.0))
    assert cosine.history[-1].learning_rate == pytest.approx(0.05 * (1 + np.cos(np.pi * 0.95)))  # 9.5 of 10 steps


def test_weighted_sampling_leaves_the_loss_without_weights() -> None:
    recipe = replace(PLAIN, sampling="weighted", learning_rate=0.0, epochs=1)
    zeros = Pictures(12)
    zeros.sample_weight[:] = 0.0
    found = [plain(data, recipe, weights=np.ones(12)).history[0].loss for data in (zeros, Pictures(12, weighted=False))]
    assert found[0] == found[1] > 0


def test_it_learns() -> None:
    clean = Pictures(60, augment=False, weighted=False, seed=2)
    recipe = TrainingRecipe(epochs=15, batch_size=8, ema_decay=0.8)
    trained = train_classifier(network(), Pictures(90), recipe=recipe, validation=clean)
    assert trained.metrics is not None
    assert trained.metrics.top1 > 0.9
    assert trained.history[-1].loss < trained.history[0].loss / 2
    assert not any(module.training for module in trained.model.modules())


def test_several_labels_a_sample_can_be_learned(tmp_path: Path) -> None:
    data = Pictures(60, augment=False)
    labels = torch.stack([torch.tensor(data.labels == 0), torch.tensor(data.labels < 2)], dim=1)
    both = TensorDataset(data.pictures, labels.float())
    model = nn.Sequential(nn.Flatten(), nn.Linear(108, 2))
    recipe = TrainingRecipe(epochs=20, batch_size=10, label_smoothing=0.05)
    trained = train_classifier(model, both, recipe=recipe, validation=both, multilabel=True, folder=tmp_path)
    assert trained.metrics is not None
    assert trained.metrics.gap > 0.95
    assert np.isnan(trained.metrics.top1)
    again = train_classifier(model, both, recipe=recipe, validation=both, multilabel=True, folder=tmp_path)
    assert [record.loss for record in again.history] == [record.loss for record in trained.history]


def test_a_heteroscedastic_head_trains_and_draws_the_same_noise_again(tmp_path: Path) -> None:
    def model() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return nn.Sequential(nn.Flatten(), HeteroscedasticHead(108, CLASSES, num_factors=2))

    recipe = TrainingRecipe(epochs=12, batch_size=6)
    validation = Pictures(12, augment=False)
    whole = train_classifier(model(), Pictures(60), recipe=recipe, validation=validation)
    with pytest.raises(Stopped):
        train_classifier(
            model(), Pictures(60), recipe=recipe, validation=validation, folder=tmp_path, progress=StopAt(25)
        )
    assert_same(train_classifier(model(), Pictures(60), recipe=recipe, validation=validation, folder=tmp_path), whole)
    assert whole.metrics is not None
    assert whole.metrics.top1 > 0.7


def test_a_frozen_backbone_stays_as_it_is_with_its_statistics() -> None:
    model = network()
    assert isinstance(model, nn.Sequential)
    for part in (model[0], model[1]):
        part.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained = train_classifier(model, Pictures(), recipe=PLAIN, validation=Pictures(6))
    changed = {name for name, value in state_of(trained).items() if not torch.equal(value, before[name])}
    assert changed == {"5.weight", "5.bias"}


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :CLASSES] * self.scale


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_model_without_matrices_trains(optimizer: Any, tmp_path: Path) -> None:
    model = Scale()
    recipe = TrainingRecipe(epochs=2, batch_size=4, optimizer=optimizer)
    train_classifier(model, Pictures(), recipe=recipe, folder=tmp_path)
    assert not torch.equal(model.scale.detach(), torch.ones(CLASSES))


def test_one_sample_is_enough() -> None:
    trained = plain(Pictures(1), validation=Pictures(1))
    assert len(trained.history) == 2
    assert trained.metrics is not None
    assert trained.metrics.num_samples == 1


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": []}, "`train` holds no sample"),
        ({"train": Stream()}, "`train` must be a map-style data set.*got Stream"),
        ({"validation": []}, "`validation` holds no sample"),
        ({"validation": Stream()}, "`validation` must be a map-style"),
        ({"checkpoint_steps": 0}, "`checkpoint_steps` must be at least 1, got 0"),
        ({"random_state": -1}, "`random_state` must be at least 0, got -1"),
        ({"model": nn.Flatten()}, "no parameter of `model` learns"),
        ({"train": [(torch.zeros(3, 6, 6), 0, 1.0, "key")]}, r"must give \(x, y\) or \(x, y, w\), got 4 things"),
        ({"train": [(torch.zeros(3, 6, 6), 0, -1.0)]}, r"must be numbers of at least 0, got \[-1.0\]"),
        ({"train": [(torch.zeros(3, 6, 6), 0, float("nan"))]}, r"must be numbers of at least 0, got \[nan\]"),
    ],
)
def test_what_cannot_be_trained_is_said_before_it_starts(options: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"model": network(norm=False), "train": Pictures(), "recipe": PLAIN} | options
    with pytest.raises(InvalidInputError, match=message):
        train_classifier(arguments.pop("model"), arguments.pop("train"), **arguments)


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        plain(Pictures(), progress=StopAt(7), folder=tmp_path, checkpoint_steps=2)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    broken = Pictures()
    broken.pictures[:] = float("nan")
    with pytest.raises(NoisetteError, match=r"the loss became NaN or infinite in epoch 2; lower the learning rate"):
        plain(broken, folder=tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_a_model_that_went_astray_in_the_last_step_is_no_result() -> None:
    recipe = TrainingRecipe(epochs=1, batch_size=8, learning_rate=1e38, schedule="constant", warmup_epochs=0)
    data = Pictures(8, augment=False)
    data.pictures *= 1e6
    with pytest.raises(NoisetteError, match="a parameter of the model became NaN or infinite in epoch 1"):
        plain(data, recipe, validation=Pictures(4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": replace(PLAIN, learning_rate=0.2)}, r"another learning_rate \(0.1, now 0.2\)"),
        ({"recipe": replace(PLAIN, epochs=3)}, r"another epochs \(2, now 3\)"),
        ({"random_state": 1}, r"another random_state \(0, now 1\)"),
        ({"train": Pictures(23)}, r"another number of samples \(22, now 23\)"),
        ({"weights": np.ones(22)}, "another `weights`"),
        ({"model": nn.Sequential(nn.Flatten(), nn.Linear(108, 3))}, r"another model \(.*[Mm]issing key"),
        ({"recipe": replace(PLAIN, ema_decay=0.9)}, "another ema_decay"),
    ],
)
def test_a_checkpoint_of_another_training_is_not_gone_on_with(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    plain(Pictures(), folder=tmp_path)
    arguments: dict[str, Any] = {"model": network(norm=False), "train": Pictures(), "recipe": PLAIN} | change
    with pytest.raises(DataFileError, match=message):
        train_classifier(arguments.pop("model"), arguments.pop("train"), folder=tmp_path, **arguments)


def test_other_weights_or_targets_of_a_data_set_are_another_training(tmp_path: Path) -> None:
    class Labelled(Pictures):
        @property
        def targets(self) -> list[int]:
            return [int(label) for label in self.labels]

    def data(first: float) -> WeightedDataset:
        weights = dict.fromkeys("abcdefgh", 1.0) | {"a": first}
        return WeightedDataset(Labelled(8, weighted=False), weights, keys=list("abcdefgh"))

    plain(data(1.0), folder=tmp_path)
    with pytest.raises(DataFileError, match="another weights of the samples"):
        plain(data(0.5), folder=tmp_path)
    other = data(1.0)
    other.dataset.labels[0] = (other.dataset.labels[0] + 1) % CLASSES
    with pytest.raises(DataFileError, match="another targets of the samples"):
        plain(other, folder=tmp_path)


def test_the_loader_may_change_between_two_runs(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_case("sgd", tmp_path, progress=StopAt(8))
    found = train_classifier(
        network(), Pictures(), recipe=replace(CASES["sgd"], num_workers=1), folder=tmp_path, checkpoint_steps=3,
        validation=Pictures(10, weighted=False, augment=False, seed=1), random_state=3, labels=Pictures().labels,
    )  # fmt: skip
    assert_same(found, train_case("sgd"))
