from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noisette.errors import InvalidInputError
from noisette.functional import cleannet_loss
from noisette.training import VerifierLoss
from noisette.training.end_to_end_loss import RunningMean, all_classes_loss, label_weights, published_loss
from tests.oracles import end_to_end as oracle


def test_weights_are_soft_ones_but_where_people_decided() -> None:
    similarity = torch.tensor([0.4, 0.0, -0.3, -0.9, 0.9, 0.9])
    verification = torch.tensor([-1, -1, -1, 1, 0, 0])
    is_corrected = torch.tensor([False, False, False, False, False, True])
    found = label_weights(similarity, verification, is_corrected).tolist()
    assert found == pytest.approx([0.4, 0.0, 0.0, 1.0, 0.0, 1.0])
    assert found == pytest.approx([oracle.raw_weight(*one) for one in zip(
        similarity.tolist(), verification.tolist(), is_corrected.tolist(), strict=True
    )])  # fmt: skip


def test_each_kind_of_sample_counts_half_whatever_its_number() -> None:
    loss = VerifierLoss(reconstruction_weight=0.0)
    generator = torch.Generator().manual_seed(0)
    similarity = 2 * torch.rand(9, generator=generator) - 1
    verification = torch.tensor([1, 0, 1, -1, -1, -1, -1, -1, -1])
    nothing = torch.zeros(9, 2)
    each = cleannet_loss(similarity, verification, nothing, nothing, reconstruction_weight=0.0)
    found = published_loss(similarity, verification, nothing, nothing, loss)
    torch.testing.assert_close(found, (each[:3].mean() + each[3:].mean()) / 2)
    alone = published_loss(similarity[:3], verification[:3], nothing[:3], nothing[:3], loss)
    torch.testing.assert_close(alone, each[:3].mean() / 2)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_a_batch_of_as_many_verified_as_unverified_samples_has_the_published_loss(pairs: list[list[float]]) -> None:
    similarity = torch.tensor(pairs, dtype=torch.float64).flatten()
    verification = torch.tensor([1, -1]).repeat(len(pairs))
    query, rebuilt = similarity[:, None], torch.zeros(len(similarity), 1, dtype=torch.float64)
    found = published_loss(similarity, verification, query, rebuilt, VerifierLoss())
    torch.testing.assert_close(found, cleannet_loss(similarity, verification, query, rebuilt).mean())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_comparison_with_all_classes_is_its_formula(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    table = 2 * torch.rand(8, 4, generator=generator, dtype=dtype) - 1
    own, verified = torch.arange(8) % 4, torch.tensor([1, 0, -1, -1, 1, 0, -1, -1])
    found = all_classes_loss(table, own, verified, share_correct=0.7, margin=0.1)
    references = np.zeros((4, 1, 1))
    expected = [
        oracle.all_classes(row, label, known, references, 0.1, 0.7)
        for row, label, known in zip(table.tolist(), own.tolist(), verified.tolist(), strict=True)
    ]
    assert found.dtype == dtype
    assert float(found) == pytest.approx(sum(expected) / 8, rel=1e-5)


def test_one_class_has_no_other() -> None:
    found = all_classes_loss(torch.tensor([[0.5]]), torch.tensor([0]), torch.tensor([1]), share_correct=0.5, margin=0.1)
    assert float(found) == pytest.approx(0.5)


def test_a_running_mean_begins_with_its_first_value_and_follows() -> None:
    mean = RunningMean(0.9)
    assert float(mean(torch.tensor(3.0))) == pytest.approx(3.0)
    assert float(mean(torch.tensor(0.0))) == pytest.approx(3 * 0.09 / 0.19)
    for _ in range(200):
        last = mean(torch.tensor(1.0))
    assert float(last) == pytest.approx(1.0)
    assert float(RunningMean()(torch.tensor(0.0))) == 0.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("negative_weight", 0.0, "`negative_weight` must be above 0, got 0.0"),
        ("margin", 1.5, r"`margin` must lie in \[-1, 1\], got 1.5"),
        ("classes_weight", -1.0, "`classes_weight` must be 0 or more, got -1.0"),
        ("unsupervised_weight", float("nan"), "`unsupervised_weight` must be 0 or more, got nan"),
    ],
)
def test_impossible_numbers_are_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        replace(VerifierLoss(), **{name: value})
