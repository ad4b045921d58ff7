from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from noisette.errors import InvalidInputError, ShapeError
from noisette.heads import average_covariance, class_uncertainty, label_disagreement, split_uncertainty
from tests.heads.random_heads import K, every_form, features, make_head, sampled_logits
from tests.oracles import heteroscedastic as oracle


@every_form
def test_the_average_covariance_is_that_of_all_rows_however_they_are_cut(form: str) -> None:
    head, x = make_head(form), features()
    with torch.no_grad():
        matrices = head.distribution(x).covariance_matrix
        wanted = oracle.centred_covariance(matrices).mean(0) / head.temperature.double() ** 2
        for batches in ([x], x.split(3), [x[:0], x[:1], x[1:]], DataLoader(TensorDataset(x, x[:, 0]), batch_size=4)):
            found = average_covariance(head, batches)
            assert found.dtype == torch.float64
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(found, head.covariance(x), rtol=1e-6, atol=1e-6)


@every_form
def test_a_batch_too_large_for_its_factors_is_taken_in_stretches(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head, x = make_head(form), features()
    labels = torch.arange(len(x)) % K
    whole = average_covariance(head, [x]), split_uncertainty(head, x).total, label_disagreement(head, [x]).label_noise
    monkeypatch.setattr("noisette.heads.streaming._FACTOR_NUMBERS", 40)
    monkeypatch.setattr("noisette.heads.streaming.CPU_NUMBERS", 500)
    parts = average_covariance(head, [x]), split_uncertainty(head, x).total, label_disagreement(head, [x]).label_noise
    torch.testing.assert_close(parts, whole)
    assert class_uncertainty(head, [(x, labels)]).num_rows.tolist() == [3, 3, 3, 2]


def test_the_covariance_of_a_multilabel_head_is_not_centred() -> None:
    head, x = make_head("full", multilabel=True), features()
    with torch.no_grad():
        wanted = head.distribution(x).covariance_matrix.mean(0) / 0.49
    torch.testing.assert_close(average_covariance(head, [x]), wanted, rtol=1e-6, atol=1e-9)


@every_form
def test_disagreement_is_the_chance_of_two_labels_with_and_without_the_noise(form: str) -> None:
    head, x = make_head(form), features()
    given_noise = sampled_logits(head, x).softmax(2)
    p = given_noise.mean(1)
    total, rest = torch.zeros(K, K).double(), torch.zeros(K, K).double()
    for b in range(len(x)):
        for i in range(K):
            for j in range(K):
                if i != j:
                    total[i, j] += 2 * p[b, i] * p[b, j] / len(x)
                    rest[i, j] += 2 * (given_noise[b, :, i] * given_noise[b, :, j]).mean() / len(x)
    found = label_disagreement(head, x.split(4))
    torch.testing.assert_close(found.total, total, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(found.rest, rest, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(found.label_noise, total - rest, rtol=1e-5, atol=1e-9)
    two_labels_differ = (1 - head.eval()(x).exp().square().sum(1)).mean()
    torch.testing.assert_close(found.total.sum() / 2, two_labels_differ.detach(), rtol=1e-6, atol=1e-9)
    assert found.total.sum() / 2 <= 1


@pytest.mark.parametrize("training", [True, False])
@every_form
def test_the_mode_of_the_head_comes_back_even_after_an_error(form: str, training: bool) -> None:
    head, x = make_head(form).train(training), features()
    labels = torch.zeros(len(x), dtype=torch.long)
    average_covariance(head, [x])
    label_disagreement(head, [x])
    split_uncertainty(head, x)
    class_uncertainty(head, [(x, labels)])
    with pytest.raises(InvalidInputError):
        average_covariance(head, [x, x * torch.nan])
    assert all(module.training == training for module in head.modules())
    assert all(parameter.grad is None for parameter in head.parameters())


def test_progress_is_told_of_each_batch_and_of_how_many_there_are_where_that_is_known() -> None:
    class Stream(IterableDataset[Tensor]):
        def __iter__(self) -> Iterator[Tensor]:
            yield from features()

    head, told = make_head("full"), list[tuple[str, int, int]]()
    average_covariance(head, features().split(6), progress=lambda *what: told.append(what))
    average_covariance(head, DataLoader(Stream(), batch_size=6), progress=lambda *what: told.append(what))
    assert told == [("covariance", 1, 2), ("covariance", 2, 2), ("covariance", 1, 0), ("covariance", 2, 0)]


def test_arrays_of_another_precision_are_taken() -> None:
    head, x = make_head("full").float(), features().half()
    found = average_covariance(head, [x.numpy(), [np.asarray(x[:3]), "rest"]])
    wanted = average_covariance(head, [torch.cat([x, x[:3]]).float()])
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("read", [average_covariance, label_disagreement, class_uncertainty])
def test_batches_that_are_no_finite_features_are_named(read: Any) -> None:
    head, x = make_head("full"), features()
    labels = torch.zeros(len(x), dtype=torch.long)
    broken = x.clone()
    broken[7, 2] = torch.nan
    with pytest.raises(InvalidInputError, match="batch 1 of `batches` must be finite, and row 7 is not"):
        read(head, [(x, labels), (broken, labels)])
    with pytest.raises(ShapeError, match=r"batch 0 of `batches` must have shape \(B, 5\), got \(11, 4\)"):
        read(head, [(x[:, :4], labels)])
    for nothing in ([], [(x[:0], labels[:0])]):
        with pytest.raises(InvalidInputError, match="`batches` holds no row"):
            read(head, nothing)


def test_a_head_that_diverged_is_named() -> None:
    head = make_head("full")
    with torch.no_grad():
        head.loc.bias.fill_(torch.inf)
        spread: Any = head.spread
        spread.std.bias.fill_(torch.nan)
    with pytest.raises(InvalidInputError, match="`head` gives a covariance that is not finite"):
        average_covariance(head, [features()])
    with pytest.raises(InvalidInputError, match="`head` gives probabilities that are not finite"):
        label_disagreement(head, [features()])


def test_labels_of_a_multilabel_head_do_not_exclude_each_other() -> None:
    with pytest.raises(InvalidInputError, match="`head` is multi-label"):
        label_disagreement(make_head("full", multilabel=True), [features()])
