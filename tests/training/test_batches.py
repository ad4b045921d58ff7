from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noisette.errors import InvalidInputError
from noisette.training import TrainingRecipe
from noisette.training.batches import SeededSamples, TrainingBatches
from noisette.training.randomness import own_randomness
from noisette.types import IntArray
from tests.training.small_training import Pictures

RECIPE = TrainingRecipe(batch_size=4)


class Rows:
    """Gives its row number as the picture."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, row: int) -> tuple[int, int]:
        return row, row % 3


def rows_of(batches: TrainingBatches, epoch: int = 0, first: int = 0) -> list[list[int]]:
    with own_randomness():
        return [images.tolist() for images, _, _ in batches.epoch(epoch, first)]


def test_an_epoch_has_each_sample_once_but_for_the_incomplete_batch() -> None:
    found = rows_of(TrainingBatches(Rows(22), RECIPE, 0))
    assert [len(batch) for batch in found] == [4] * 5
    assert len({row for batch in found for row in batch}) == 20


def test_what_is_left_out_differs_from_epoch_to_epoch() -> None:
    batches = TrainingBatches(Rows(5), RECIPE, 0)
    left_out = {10 - sum(rows_of(batches, epoch)[0]) for epoch in range(60)}
    assert left_out == set(range(5))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 3))
def test_processes_share_the_batches_of_one_process(size: int, batch_size: int, processes: int) -> None:
    recipe = replace(RECIPE, batch_size=batch_size)
    shares = [
        rows_of(TrainingBatches(Rows(size), recipe, 5, rank=rank, world_size=processes), 2) for rank in range(processes)
    ]
    assert len({tuple(map(len, share)) for share in shares}) == 1  # as many steps, as large batches
    joint = rows_of(TrainingBatches(Rows(size), replace(recipe, batch_size=batch_size * processes), 5), 2)
    together = [sorted(row for batch in step for row in batch) for step in zip(*shares, strict=True)]
    if size >= batch_size * processes:
        assert together == [sorted(batch) for batch in joint]
    else:  # too few for a whole batch: each process has one with as many as the others
        assert [set(step) for step in together] == [set(range(size))]


@given(st.integers(0, 5))
def test_an_epoch_can_be_entered_at_any_step(first: int) -> None:
    batches = TrainingBatches(Rows(22), RECIPE, 1)
    assert rows_of(batches, 3, first) == rows_of(batches, 3)[first:]


def test_order_follows_from_seed_and_epoch() -> None:
    batches = TrainingBatches(Rows(22), RECIPE, 1)
    assert rows_of(batches, 3) == rows_of(TrainingBatches(Rows(22), RECIPE, 1), 3)
    assert rows_of(batches, 3) != rows_of(batches, 4)
    assert rows_of(batches, 3) != rows_of(TrainingBatches(Rows(22), RECIPE, 2), 3)


def test_augmentations_belong_to_the_sample_and_the_epoch_and_not_to_the_process_or_the_worker() -> None:
    def pictures(epoch: int, workers: int, processes: int) -> dict[int, torch.Tensor]:
        recipe = replace(RECIPE, num_workers=workers, batch_size=4 // processes)
        data = Pictures(8)
        data.labels = np.arange(8)
        found: dict[int, torch.Tensor] = {}
        with own_randomness():
            for rank in range(processes):
                batches = TrainingBatches(data, recipe, 0, rank=rank, world_size=processes)
                for images, labels, _ in batches.epoch(epoch):
                    found |= dict(zip(labels.tolist(), images, strict=True))
        return found

    expected = pictures(0, 0, 1)
    for other in (pictures(0, 2, 1), pictures(0, 0, 2)):
        assert all(torch.equal(other[row], picture) for row, picture in expected.items())
    assert not any(torch.equal(pictures(1, 0, 1)[row], picture) for row, picture in expected.items())


def test_balanced_sampling_draws_classes_equally_often_and_every_sample_of_one() -> None:
    labels = np.repeat([0, 1, 2], [900, 90, 10])
    recipe = replace(RECIPE, sampling="balanced", batch_size=100)
    batches = TrainingBatches(Rows(1000), recipe, 0, labels=labels)
    drawn = np.concatenate([rows_of(batches, epoch) for epoch in range(9)]).ravel()
    share = np.bincount(labels[drawn]) / len(drawn)
    np.testing.assert_allclose(share, 1 / 3, atol=4 * (2 / 9 / 9000) ** 0.5)
    assert set(drawn[labels[drawn] == 2]) == set(range(990, 1000))


def test_weighted_sampling_draws_samples_as_often_as_their_weight_says() -> None:
    weights = np.array([0.0, 1.0, 2.0, 5.0])
    recipe = replace(RECIPE, sampling="weighted", batch_size=4)
    batches = TrainingBatches(Rows(4), recipe, 0, weights=weights)
    drawn = np.array([rows_of(batches, epoch)[0] for epoch in range(1000)]).ravel()
    share, expected = np.bincount(drawn, minlength=4) / len(drawn), weights / 8
    assert share[0] == 0
    assert (np.abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / len(drawn))).all()


def test_a_class_that_is_absent_and_a_class_of_one_can_be_balanced() -> None:
    batches = TrainingBatches(Rows(4), replace(RECIPE, sampling="balanced"), 0, labels=np.array([0, 3, 3, 3]))
    drawn = np.array([rows_of(batches, epoch)[0] for epoch in range(400)]).ravel()
    assert np.mean(drawn == 0) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("sampling", "given_", "message"),
    [
        ("balanced", {}, r"sampling='balanced' needs `labels`, one a sample of `train` \(4\)"),
        ("balanced", {"labels": np.zeros(3, int)}, "needs `labels`"),
        ("balanced", {"labels": np.array([0, 1, -1, 0])}, "`labels` must be class ids of at least 0"),
        ("balanced", {"labels": np.zeros(4)}, "`labels` must be class ids"),
        ("weighted", {"labels": np.zeros(4, int)}, "needs `weights`"),
        ("weighted", {"weights": np.zeros(4)}, "not all 0"),
        ("weighted", {"weights": np.array([1, 1, np.nan, 1])}, "`weights` must be at least 0"),
        ("weighted", {"weights": np.array([1, 1, -1, 1])}, "`weights` must be at least 0"),
    ],
)
def test_sampling_says_what_it_needs(sampling: Any, given_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        TrainingBatches(Rows(4), replace(RECIPE, sampling=sampling), 0, **given_)


def test_samples_without_a_weight_weigh_one() -> None:
    with own_randomness():
        assert SeededSamples(Rows(3))[2, 7] == (2, 2, 1.0)
        _, _, weights = next(iter(TrainingBatches(Rows(4), RECIPE, 0).epoch(0)))
    assert weights.dtype == torch.float32
    assert weights.tolist() == [1.0] * 4


def test_the_order_of_an_epoch_takes_four_bytes_a_sample() -> None:
    order = TrainingBatches(Rows(10**6), RECIPE, 0)._order(0)
    assert order.nbytes == 4 * 10**6
    assert np.array_equal(np.sort(order), np.arange(10**6))


def test_batches_get_further_samples_at_their_end_which_follow_from_the_seed() -> None:
    def batches(extra: IntArray | None, **process: Any) -> list[list[int]]:
        return rows_of(TrainingBatches(Rows(22), RECIPE, 0, extra=extra, extra_size=5, **process), 1)

    some = batches(np.array([30, 47]))
    assert [rows[:-5] for rows in some] == batches(None)
    assert all(set(rows[-5:]) == {30, 47} for rows in some)
    many = [rows[-5:] for rows in batches(np.arange(20))]
    assert all(len(set(rows)) == 5 for rows in many)
    assert many[0] != many[1]
    assert batches(np.arange(20)) == batches(np.arange(20))
    shares = [batches(np.arange(20), rank=rank, world_size=2)[0][-5:] for rank in (0, 1)]
    assert shares[0] != shares[1]
    later = TrainingBatches(Rows(22), RECIPE, 0, extra=np.arange(20), extra_size=5)
    assert rows_of(later, 1, 2) == batches(np.arange(20))[2:]
