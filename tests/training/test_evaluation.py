from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    log_loss,
    top_k_accuracy_score,
)
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from noisette.errors import InvalidInputError, NoisetteError
from noisette.heads import HeteroscedasticHead
from noisette.training import evaluate_classifier, predict
from noisette.training.optimizers import set_training_mode
from tests.training.small_training import Pictures, global_states, network


def scores(rows: Any, labels: Any) -> TensorDataset:
    """A data set whose pictures are the scores that `nn.Flatten` gives back."""
    return TensorDataset(torch.tensor(rows, dtype=torch.float32), torch.tensor(labels))


@pytest.fixture
def made_up() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.choice(8, size=300, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05])
    return rng.normal(size=(300, 8)) + 1.5 * np.eye(8)[labels], labels


def test_metrics_are_those_of_scikit_learn(made_up: tuple[np.ndarray, np.ndarray]) -> None:
    logits, labels = made_up
    found = evaluate_classifier(nn.Flatten(), scores(logits, labels), batch_size=64)
    p = torch.tensor(logits).softmax(1).numpy()
    top = logits.argmax(1)
    assert found.num_samples == 300
    assert found.top1 == pytest.approx(accuracy_score(labels, top))
    assert found.top5 == pytest.approx(top_k_accuracy_score(labels, logits, k=5))
    assert found.macro_accuracy == pytest.approx(balanced_accuracy_score(labels, top))
    assert found.nll == pytest.approx(log_loss(labels, p), abs=1e-5)
    assert found.gap == pytest.approx(average_precision_score(np.eye(8)[labels].ravel(), p.ravel()), abs=1e-5)
    np.testing.assert_array_equal(found.confusion, confusion_matrix(labels, top))


def test_metrics_are_those_counted_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])
    found = evaluate_classifier(nn.Flatten(), scores(np.log(p), [0, 0, 1, 1]))
    assert (found.top1, found.top5, found.macro_accuracy) == (0.75, 1.0, 0.75)
    assert found.nll == pytest.approx(-np.mean(np.log([0.9, 0.6, 0.2, 0.7])), abs=1e-6)
    assert found.ece == pytest.approx((abs(0.9 - 1) + abs(0.6 - 1) + abs(0.8 - 0) + abs(0.7 - 1)) / 4, abs=1e-6)
    assert found.confusion.tolist() == [[2, 0], [1, 1]]
    assert found.as_numbers().keys() == {"num_samples", "top1", "top5", "macro_accuracy", "nll", "ece", "gap"}


def test_a_class_without_samples_does_not_count_and_one_sample_is_enough() -> None:
    found = evaluate_classifier(nn.Flatten(), scores([[0.0, 2.0, 0.0]], [1]))
    assert (found.num_samples, found.top1, found.macro_accuracy) == (1, 1.0, 1.0)
    assert found.confusion.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_metrics_of_several_labels_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (50, 4))
    logits = rng.normal(size=(50, 4)) + labels
    found = evaluate_classifier(nn.Flatten(), scores(logits, labels), multilabel=True)
    p = 1 / (1 + np.exp(-logits))
    assert found.gap == pytest.approx(average_precision_score(labels, logits, average="micro"), abs=1e-6)
    expected = -(labels * np.log(p) + (1 - labels) * np.log(1 - p)).sum(1).mean()
    assert found.nll == pytest.approx(expected, abs=1e-5)
    assert np.isnan([found.top1, found.top5, found.macro_accuracy, found.ece]).all()
    assert found.confusion.size == 0


def test_labels_between_absent_and_present_are_an_error() -> None:
    with pytest.raises(InvalidInputError, match="must be 0 or 1"):
        evaluate_classifier(nn.Flatten(), scores([[0.0, 0.0]], [[0.5, 1.0]]), multilabel=True)


def test_weights_of_the_data_set_are_not_used() -> None:
    model = network().eval()
    weighted = evaluate_classifier(model, Pictures(20, augment=False)).as_numbers()
    assert weighted == evaluate_classifier(model, Pictures(20, augment=False, weighted=False)).as_numbers()


def test_log_probabilities_stay_what_they_are_and_keep_their_order() -> None:
    head = HeteroscedasticHead(108, 3, num_factors=2)
    model, data = nn.Sequential(nn.Flatten(), head).eval(), Pictures(9, augment=False)
    logs, labels = predict(model, data, batch_size=4)
    with torch.no_grad():
        np.testing.assert_allclose(logs, model(data.pictures).numpy(), atol=1e-6)
    np.testing.assert_array_equal(labels, data.labels)
    np.testing.assert_allclose(np.exp(logs).sum(1), 1, atol=1e-5)


def test_workers_change_nothing() -> None:
    model = network().eval()
    (first, _), (second, _) = (predict(model, Pictures(9, augment=False), num_workers=n) for n in (0, 1))
    np.testing.assert_array_equal(first, second)


def test_evaluation_leaves_modes_generators_and_statistics_as_they_were() -> None:
    model = network()
    assert isinstance(model, nn.Sequential)
    for part in (model[0], model[1]):
        part.requires_grad_(False)
    set_training_mode(model)
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    states = global_states()
    evaluate_classifier(model, Pictures(5, augment=False))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert global_states() == states


class Lazy(nn.Module):
    """Makes a table at its first call and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.table: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.table = torch.ones(3) if self.table is None else self.table
        return x.flatten(1)[:, :3] * self.table * self.scale


def test_what_a_layer_keeps_from_an_evaluation_serves_in_training() -> None:
    model, data = Lazy(), Pictures(4, augment=False)
    evaluate_classifier(model, data)
    model(data.pictures).sum().backward()
    assert model.scale.grad is not None


@pytest.mark.parametrize("multilabel", [False, True])
def test_an_empty_data_set_is_an_error(multilabel: bool) -> None:
    with pytest.raises(InvalidInputError, match="holds no sample"):
        evaluate_classifier(nn.Flatten(), [], multilabel=multilabel)


def test_a_classifier_that_gives_nan_is_named_as_such() -> None:
    data = scores([[0.0, 1.0], [float("nan"), 0.0], [float("nan"), 0.0]], [0, 1, 1])
    with pytest.raises(NoisetteError, match="gives NaN for 2 of 3 samples, first for number 1; its training went"):
        evaluate_classifier(nn.Flatten(), data)
