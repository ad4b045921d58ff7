import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from noisette.errors import InvalidInputError, ShapeError
from noisette.training import TrainingRecipe
from noisette.training.out_of_sample import out_of_sample_probabilities

QUICK = TrainingRecipe(epochs=12, batch_size=16, learning_rate=0.3, warmup_epochs=0)


def make_model(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(20, 3)


def noise(size: int = 90) -> tuple[TensorDataset, np.ndarray]:
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(size) % 3
    return TensorDataset(torch.randn(size, 20, generator=rng), labels), labels.numpy()


def test_no_sample_is_predicted_by_a_classifier_that_saw_it() -> None:
    data, labels = noise()
    found = out_of_sample_probabilities(make_model, data, labels, recipe=QUICK, num_folds=3)
    assert found.shape == (90, 3)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    assert (found.argmax(1) == labels).mean() < 0.55  # labels are noise: a classifier that saw them knows 80 %


def test_what_can_be_learned_is_learned() -> None:
    _, labels = noise()
    rows = torch.nn.functional.one_hot(torch.from_numpy(labels), 20).float()
    found = out_of_sample_probabilities(
        make_model, TensorDataset(rows, torch.from_numpy(labels)), labels, recipe=QUICK, num_folds=3
    )
    assert (found.argmax(1) == labels).all()


def test_copies_share_a_fold_if_they_are_a_group() -> None:
    data, labels = noise(45)
    doubled = TensorDataset(*(torch.cat([part, part]) for part in data.tensors))
    twice = np.concatenate([labels, labels])
    groups = np.tile(np.arange(45), 2)
    alone = out_of_sample_probabilities(make_model, doubled, twice, recipe=QUICK, num_folds=3)
    together = out_of_sample_probabilities(make_model, doubled, twice, recipe=QUICK, num_folds=3, groups=groups)
    np.testing.assert_allclose(together[:45], together[45:], rtol=1e-5)
    assert (together.argmax(1) == twice).mean() < (alone.argmax(1) == twice).mean()


def test_a_stopped_call_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    data, labels = noise(30)

    def stop(name: str, done: int, _total: int) -> None:
        if name == "fold" and done == 1:
            raise KeyboardInterrupt

    whole = out_of_sample_probabilities(make_model, data, labels, recipe=QUICK, num_folds=2)
    with pytest.raises(KeyboardInterrupt):
        out_of_sample_probabilities(make_model, data, labels, recipe=QUICK, num_folds=2, folder=tmp_path, progress=stop)
    again = out_of_sample_probabilities(make_model, data, labels, recipe=QUICK, num_folds=2, folder=tmp_path)
    np.testing.assert_array_equal(again, whole)


def test_a_class_with_fewer_samples_than_folds_is_no_obstacle() -> None:
    data, labels = noise(30)
    labels = np.where(np.arange(30) == 0, 2, labels % 2)
    rare = TensorDataset(data.tensors[0], torch.from_numpy(labels))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert out_of_sample_probabilities(make_model, rare, labels, recipe=QUICK, num_folds=3).shape == (30, 3)


def test_bad_arguments_are_named() -> None:
    data, labels = noise(6)
    with pytest.raises(ShapeError, match=r"`labels` must have shape \(6,\)"):
        out_of_sample_probabilities(make_model, data, labels[:3])
    with pytest.raises(ShapeError, match="`groups`"):
        out_of_sample_probabilities(make_model, data, labels, groups=labels[:3])
    for folds in (1, 7):
        with pytest.raises(InvalidInputError, match=f"must be 2 to 6, .*got {folds}"):
            out_of_sample_probabilities(make_model, data, labels, num_folds=folds)
