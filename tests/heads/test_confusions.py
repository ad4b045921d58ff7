from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noisette.errors import InvalidInputError, ShapeError
from noisette.heads import confused_pairs, correlation, difference_variance, shared_covariance
from noisette.types import Float64Array
from tests.oracles.heteroscedastic import centred_covariance


def made(size: int, seed: int) -> Float64Array:
    """Make a covariance of rank 3 and a diagonal, with variances of any size."""
    rng = np.random.default_rng(seed)
    factor, scale = rng.normal(size=(size, 3)), np.exp(rng.normal(size=size))
    return np.asarray(scale[:, None] * scale * (factor @ factor.T) + np.diag(rng.uniform(0.1, 2, size)))


def centred(covariance: Float64Array) -> Float64Array:
    return np.asarray(centred_covariance(torch.tensor(covariance)).numpy())


def off_diagonal(matrix: Float64Array) -> Float64Array:
    return matrix[~np.eye(len(matrix), dtype=bool)]


sizes, seeds = st.integers(1, 9), st.integers(0, 10_000)


@given(sizes, seeds)
def test_correlation_and_variances_of_differences_by_slow_loops(size: int, seed: int) -> None:
    covariance = made(size, seed)
    found, differences = correlation(covariance), difference_variance(covariance)
    for i in range(size):
        for j in range(size):
            std = np.sqrt(covariance[i, i]) * np.sqrt(covariance[j, j])
            assert found[i, j] == pytest.approx(covariance[i, j] / std, abs=1e-12)
            contrast = np.zeros(size)
            contrast[i] += 1
            contrast[j] -= 1
            assert differences[i, j] == pytest.approx(contrast @ covariance @ contrast, rel=1e-9, abs=1e-9)


@given(sizes, seeds)
def test_what_no_softmax_sees_changes_neither_differences_nor_shared_covariance(size: int, seed: int) -> None:
    covariance = made(size, seed)
    any_shift = np.random.default_rng(seed + 1).normal(size=size) * 3
    for other in (centred(covariance), covariance + any_shift + any_shift[:, None]):
        np.testing.assert_allclose(difference_variance(other), difference_variance(covariance), atol=1e-9)
        np.testing.assert_allclose(shared_covariance(other), shared_covariance(covariance), atol=1e-9)


@given(sizes, seeds)
def test_shared_covariance_keeps_the_differences_and_its_rows_sum_to_zero(size: int, seed: int) -> None:
    covariance = made(size, seed)
    found = shared_covariance(covariance)
    outside = found - np.diag(np.diag(found))
    np.testing.assert_allclose(outside.sum(1), 0, atol=1e-9)
    variance = np.diag(found)
    again = variance[:, None] + variance - 2 * found
    np.testing.assert_allclose(again, difference_variance(covariance), atol=1e-9)


@given(st.integers(3, 9), seeds)
def test_independent_noise_of_any_variances_shares_nothing(size: int, seed: int) -> None:
    variance = np.exp(2 * np.random.default_rng(seed).normal(size=size))
    np.testing.assert_allclose(shared_covariance(centred(np.diag(variance))), np.diag(variance), atol=1e-9)


def test_shared_covariance_is_the_least_squares_fit_of_independent_noise() -> None:
    covariance = made(6, 3)
    pairs = [(i, j) for i in range(6) for j in range(i)]
    design = np.zeros((len(pairs), 6))
    for row, (i, j) in enumerate(pairs):
        design[row, [i, j]] = 1
    wanted = np.array([difference_variance(covariance)[i, j] for i, j in pairs])
    fitted = np.linalg.lstsq(design, wanted, rcond=None)[0]
    np.testing.assert_allclose(np.diag(shared_covariance(covariance)), fitted, atol=1e-9)


@given(st.integers(2, 9), seeds)
def test_the_order_of_classes_only_reorders(size: int, seed: int) -> None:
    covariance = made(size, seed)
    order = np.random.default_rng(seed).permutation(size)
    for measure in (correlation, difference_variance, shared_covariance):
        np.testing.assert_allclose(
            measure(covariance[order][:, order]), measure(covariance)[order][:, order], atol=1e-9
        )


@given(st.integers(1, 9), seeds)
def test_units_of_the_classes_do_not_change_the_correlation(size: int, seed: int) -> None:
    covariance = made(size, seed)
    units = np.exp(np.random.default_rng(seed).normal(size=size))
    np.testing.assert_allclose(correlation(covariance * units * units[:, None]), correlation(covariance), atol=1e-9)
    assert np.abs(correlation(covariance)).max() <= 1


def test_classes_without_variance_have_no_correlation() -> None:
    covariance = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 1e-17], [0.0, 1e-17, 1e-20]])
    assert correlation(covariance).tolist() == [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]
    assert correlation(np.zeros((3, 3))).tolist() == np.eye(3).tolist()
    assert (shared_covariance(np.zeros((5, 5))) == 0).all()
    assert (difference_variance(np.zeros((5, 5))) == 0).all()


def test_two_classes_and_three_share_nothing_and_one_has_no_differences() -> None:
    assert shared_covariance([[2.0, 1.0], [1.0, 2.0]]).tolist() == [[1, 0], [0, 1]]
    assert (off_diagonal(shared_covariance(made(3, 0))) == 0).all()
    assert shared_covariance([[5.0]]).tolist() == [[0]]
    assert difference_variance([[5.0]]).tolist() == [[0]]
    assert confused_pairs([[5.0]]) == []
    assert confused_pairs(np.empty((0, 0))) == []
    (pair,) = confused_pairs([[2.0, -1.0], [-1.0, 2.0]])
    assert (pair.names, pair.shared, pair.covariance, pair.difference_variance) == (("0", "1"), 0, -1, 6)


def test_pairs_come_with_all_that_is_known_of_them_largest_first() -> None:
    covariance = made(7, 5)
    names = [f"class {i}" for i in range(7)]
    chance = np.abs(made(7, 6))
    found = confused_pairs(covariance, names, top=30, disagreement=chance)
    shared = shared_covariance(covariance)
    assert len(found) == 21
    assert [pair.shared for pair in found] == sorted((pair.shared for pair in found), reverse=True)
    for pair in found:
        i, j = pair.first, pair.second
        assert i < j
        assert pair.names == (names[i], names[j])
        assert pair.shared == shared[i, j]
        assert pair.covariance == covariance[i, j]
        assert pair.correlation == correlation(shared)[i, j]
        assert pair.difference_variance == pytest.approx(difference_variance(covariance)[i, j])
        assert pair.disagreement == chance[i, j]
    assert confused_pairs(covariance, names, top=4, disagreement=chance) == found[:4]
    assert confused_pairs(covariance, top=0) == []
    assert confused_pairs(covariance)[0].disagreement is None


def test_each_order_is_that_of_its_own_numbers() -> None:
    covariance, chance = made(8, 2), np.abs(made(8, 9))
    orders: dict[Any, Float64Array] = {
        "shared": shared_covariance(covariance),
        "covariance": covariance,
        "correlation": correlation(covariance),
        "disagreement": chance,
    }
    pairs = [(i, j) for i in range(8) for j in range(i + 1, 8)]
    for order, matrix in orders.items():
        wanted = sorted(pairs, key=lambda pair: -matrix[pair])
        found = confused_pairs(covariance, top=5, by=order, disagreement=chance)
        assert [(pair.first, pair.second) for pair in found] == wanted[:5]


def test_many_classes_are_ranked_a_stretch_of_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    covariance = made(40, 1)
    whole = confused_pairs(covariance, top=17)
    monkeypatch.setattr("noisette.heads.confusions._BLOCK", 120)
    assert confused_pairs(covariance, top=17) == whole


@pytest.mark.parametrize("by", ["shared", "covariance", "correlation"])
def test_a_planted_pair_is_found_among_unequal_variances_where_centring_hides_it(by: Any) -> None:
    covariance = np.diag([0.05, 0.05, 0.3, 0.3, 9.0, 4.0])
    covariance[4, 5] = covariance[5, 4] = 3.0  # a correlation of one half, and no other
    (pair,) = confused_pairs(centred(covariance), top=1, by=by)
    assert ((pair.first, pair.second) == (4, 5)) == (by == "shared")


@pytest.mark.parametrize("measure", [correlation, difference_variance, shared_covariance, confused_pairs])
def test_matrices_that_are_no_covariance_are_named(measure: Any) -> None:
    with pytest.raises(ShapeError, match=r"`covariance` must have shape \(K, K\), got \(2, 3\)"):
        measure(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="average over rows first"):
        measure(np.zeros((4, 3, 3)))
    broken = np.eye(3)
    broken[1, 2] = np.nan
    with pytest.raises(InvalidInputError, match="`covariance` must be finite, got nan for classes 1 and 2"):
        measure(broken)
    with pytest.raises(InvalidInputError, match="`covariance` must be symmetric"):
        measure([[1.0, 0.5], [0.1, 1.0]])


def test_wrong_arguments_of_the_list_are_named() -> None:
    with pytest.raises(ShapeError, match="`class_names` must have 3 names, one a class of `covariance`, got 2"):
        confused_pairs(np.eye(3), ["a", "b"])
    with pytest.raises(InvalidInputError, match="`by` must be one of shared, covariance, correlation, disagreement"):
        confused_pairs(np.eye(3), by="size")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="`top` must be 0 or more, got -1"):
        confused_pairs(np.eye(3), top=-1)
    with pytest.raises(InvalidInputError, match="`disagreement` is needed for by='disagreement'"):
        confused_pairs(np.eye(3), by="disagreement")
    with pytest.raises(ShapeError, match=r"`disagreement` must have shape \(3, 3\), got \(2, 2\)"):
        confused_pairs(np.eye(3), disagreement=np.eye(2))


def test_tensors_of_either_precision_are_taken() -> None:
    covariance = made(5, 0)
    np.testing.assert_allclose(correlation(torch.tensor(covariance)), correlation(covariance))
    low = torch.tensor(covariance, dtype=torch.float32, requires_grad=True)
    np.testing.assert_allclose(correlation(low), correlation(covariance), atol=1e-6)
