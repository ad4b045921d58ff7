from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import InvalidInputError, ShapeError
from noisette.scores.agreement import Ratings, fleiss_kappa, majority_consensus, weighted_consensus
from noisette.types import Float64Array, IntArray

# Fourteen raters, ten samples, five classes: the worked example of Wikipedia's "Fleiss' kappa", which gives 0.210.
WORKED = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def slow_kappa(table: list[list[int]]) -> float:
    """Give Fleiss' kappa by a look at every pair of raters of every sample."""
    agreements, shares = [], []
    for row in table:
        said = [label for label, count in enumerate(row) for _ in range(count)]
        if said:
            shares.append([said.count(label) / len(said) for label in range(len(row))])
        pairs = [a == b for i, a in enumerate(said) for j, b in enumerate(said) if i != j]
        if pairs:
            agreements.append(sum(pairs) / len(pairs))
    chance = sum((sum(share[k] for share in shares) / len(shares)) ** 2 for k in range(len(table[0])))
    return (sum(agreements) / len(agreements) - chance) / (1 - chance)


def test_kappa_of_a_worked_example() -> None:
    assert fleiss_kappa(WORKED) == pytest.approx(0.20993, abs=1e-5)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=2, max_size=8))
def test_kappa_with_any_numbers_of_raters_is_the_mean_over_pairs(table: list[list[int]]) -> None:
    used = np.array(table).sum(axis=0) > 0
    if max(map(sum, table)) < 2 or used.sum() < 2:
        assert np.isnan(fleiss_kappa(table))
    else:
        assert fleiss_kappa(table) == pytest.approx(slow_kappa(table))
        assert fleiss_kappa(table) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([[3, 0], [0, 2]], 1.0),
        ([[1, 1], [1, 1]], -1.0),
        ([[1, 0], [0, 1]], np.nan),
        ([[3, 0], [2, 0]], np.nan),
        (np.zeros((0, 2)), np.nan),
        ([[0, 0]], np.nan),
    ],
)
def test_kappa_at_its_edges(table: list[list[int]], expected: float) -> None:
    assert fleiss_kappa(table) == pytest.approx(expected, nan_ok=True)


def test_kappa_of_random_ratings_is_0() -> None:
    ratings = np.random.default_rng(0).integers(0, 4, (20_000, 5))
    assert abs(fleiss_kappa((ratings[:, :, None] == np.arange(4)).sum(axis=1))) < 0.01


def test_mistakes_are_named() -> None:
    with pytest.raises(ShapeError, match=r"`counts` must have shape \(N, K\), got \(3,\)"):
        fleiss_kappa([1, 2, 3])
    with pytest.raises(InvalidInputError, match="`counts` must be 0 or more, got -1"):
        fleiss_kappa([[1, -1]])
    with pytest.raises(ShapeError, match=r"must have one shape \(M,\), got samples \(2,\), raters \(1,\)"):
        Ratings.of([0, 1], [0], [0, 1])
    with pytest.raises(InvalidInputError, match=r"`classes` must lie in 0\.\.2, got 1\.\.3"):
        Ratings.of([0, 1], [0, 1], [1, 3], num_classes=3)
    ratings = Ratings.of([0, 0], [0, 1], [0, 1])
    with pytest.raises(ShapeError, match=r"`class_probabilities` must have shape \(1, 2\), got \(2, 2\)"):
        weighted_consensus(ratings, np.ones((2, 2)))
    with pytest.raises(InvalidInputError, match="`class_probabilities` must be finite"):
        weighted_consensus(ratings, [[np.nan, 1.0]])
    with pytest.raises(InvalidInputError, match="`smoothing` must be above 0, got 0"):
        weighted_consensus(ratings, smoothing=0)


def test_a_vote_with_ties_and_without_anybody() -> None:
    ratings = Ratings.of([0, 0, 0, 1, 1, 2], [0, 1, 2, 2, 1, 0], [1, 1, 0, 2, 0, 2], num_samples=4)
    found = majority_consensus(ratings)
    assert found.labels.tolist() == [1, 0, 2, -1]
    np.testing.assert_allclose(found.confidence, [2 / 3, 1 / 2, 1, np.nan])
    np.testing.assert_allclose(found.reliability, [1, 1, 0])


def test_no_ratings_at_all() -> None:
    for sizes in ({}, {"num_samples": 2, "num_raters": 1, "num_classes": 3}):
        nothing = Ratings.of([], [], [], **sizes)
        for found in (majority_consensus(nothing), weighted_consensus(nothing)):
            assert found.labels.tolist() == [-1] * nothing.num_samples
            assert np.isnan(found.confidence).all()
            assert np.isnan(found.reliability).all()


def crowd(accuracies: list[float], size: int = 2000, classes: int = 4) -> tuple[IntArray, Ratings]:
    """Give the truth, and ratings by people who are right so often, each of two thirds of the samples."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, size)
    columns = []
    for rater, accuracy in enumerate(accuracies):
        rows = np.flatnonzero(rng.random(size) < 2 / 3)
        wrong = (truth[rows] + rng.integers(1, classes, rows.size)) % classes
        columns.append(
            (rows, np.full(rows.size, rater), np.where(rng.random(rows.size) < accuracy, truth[rows], wrong))
        )
    samples, raters, labels = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return truth, Ratings.of(samples, raters, labels, num_samples=size)


def share_right(labels: IntArray, truth: IntArray) -> float:
    return float((labels == truth)[labels >= 0].mean())


def test_reliable_raters_outweigh_a_majority_of_others() -> None:
    accuracies = [0.95, 0.9, 0.4, 0.35, 0.3]
    truth, ratings = crowd(accuracies)
    vote, weighted = majority_consensus(ratings), weighted_consensus(ratings)
    assert share_right(weighted.labels, truth) > share_right(vote.labels, truth) + 0.1
    np.testing.assert_allclose(weighted.reliability, accuracies, atol=0.05)
    sure = weighted.confidence > 0.9
    assert share_right(weighted.labels[sure], truth[sure]) == pytest.approx(weighted.confidence[sure].mean(), abs=0.03)


def test_a_model_helps_where_raters_are_few_and_does_not_overrule_them_when_it_is_too_sure() -> None:
    truth, ratings = crowd([0.7, 0.7])
    rng = np.random.default_rng(1)
    guess = np.where(rng.random(truth.size) < 0.8, truth, rng.integers(0, 4, truth.size))
    for sureness in (0.8, 0.999999):
        model: Float64Array = np.full((truth.size, 4), (1 - sureness) / 3)
        model[np.arange(truth.size), guess] = sureness
        found = weighted_consensus(ratings, model)
        assert share_right(found.labels, truth) > share_right(weighted_consensus(ratings).labels, truth) + 0.08
    useless = weighted_consensus(ratings, rng.dirichlet([0.3] * 4, truth.size))
    assert share_right(useless.labels, truth) > share_right(weighted_consensus(ratings).labels, truth) - 0.02


def test_equal_raters_who_agree_are_followed() -> None:
    ratings = Ratings.of([0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 1, 2] * 3, [0, 0, 0, 1, 1, 1, 0, 0, 1])
    found = weighted_consensus(ratings)
    assert found.labels.tolist() == [0, 1, 0]
    assert (found.confidence > 0.5).all()
    again = weighted_consensus(ratings)
    np.testing.assert_array_equal(found.confidence, again.confidence)


def test_a_lone_rater_and_a_lone_class_are_no_trouble() -> None:
    found = weighted_consensus(Ratings.of([0, 1, 2], [0, 0, 0], [0, 1, 1]))
    assert found.labels.tolist() == [0, 1, 1]
    one = weighted_consensus(Ratings.of([0, 0, 1], [0, 1, 0], [0, 0, 0], num_raters=3))
    assert one.labels.tolist() == [0, 0]
    np.testing.assert_allclose(one.reliability, [1, 1, np.nan])


def test_the_order_of_ratings_changes_nothing() -> None:
    truth, ratings = crowd([0.8, 0.6, 0.7], size=300)
    order = np.random.default_rng(2).permutation(ratings.samples.size)
    shuffled = Ratings.of(ratings.samples[order], ratings.raters[order], ratings.classes[order], num_samples=truth.size)
    first, second = weighted_consensus(ratings), weighted_consensus(shuffled)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_allclose(first.confidence, second.confidence, atol=1e-9)
