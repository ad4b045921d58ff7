from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import NotVerifiedError
from noisette.scores.thresholds import choose_threshold
from tests.oracles import detection as oracle

samples = st.lists(
    st.tuples(st.integers(-20, 20).map(lambda i: i / 8), st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=25
)


@settings(max_examples=150, deadline=None)
@given(samples, st.booleans())
def test_no_threshold_has_a_lower_error(rows: list[tuple[float, int, int]], by_class: bool) -> None:
    scores, truth, given_labels = (np.array(column) for column in zip(*rows, strict=True))
    groups = given_labels if by_class else None
    threshold = choose_threshold(scores, truth, groups)
    lists = (list(scores), list(truth), None if groups is None else list(groups))
    assert oracle.threshold_error(*lists, threshold) == pytest.approx(oracle.smallest_threshold_error(*lists))


@settings(max_examples=60, deadline=None)
@given(samples, st.sampled_from([0.25, 2.0, 16.0]), st.integers(-4, 4))
def test_verdicts_do_not_change_with_the_scale_of_scores(
    rows: list[tuple[float, int, int]], factor: float, shift: int
) -> None:
    scores, truth, _ = (np.array(column) for column in zip(*rows, strict=True))
    before = scores >= choose_threshold(scores, truth)
    moved = factor * scores + shift  # exact in binary
    np.testing.assert_array_equal(moved >= choose_threshold(moved, truth), before)


def test_the_middle_of_the_widest_gap_wins() -> None:
    scores = np.array([0.0, 0.1, 0.2, 0.4, 0.9, 1.0])
    assert choose_threshold(scores, np.array([0, 0, 1, 0, 1, 1])) == pytest.approx(0.65)


def test_a_threshold_that_cannot_win_rejects_nothing() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.4])
    assert choose_threshold(scores, np.ones(4, dtype=int)) < 0.1
    assert choose_threshold(scores, np.array([1, 1, 1, 0])) < 0.1
    assert choose_threshold(scores, np.zeros(4, dtype=int)) > 0.4


@pytest.mark.parametrize("value", [0.0, -3.5, 1e20])
def test_one_sample_and_equal_scores(value: float) -> None:
    assert choose_threshold(np.array([value]), np.array([1])) < value
    assert choose_threshold(np.array([value]), np.array([0])) > value
    assert choose_threshold(np.full(3, value), np.array([0, 0, 1])) > value


def test_neighbouring_floats_are_told_apart() -> None:
    low = 1.0
    high = float(np.nextafter(low, 2.0))
    threshold = choose_threshold(np.array([low, high]), np.array([0, 1]))
    assert low < threshold <= high


def test_large_scores_do_not_swallow_the_margin() -> None:
    scores = np.array([1e20, float(np.nextafter(1e20, np.inf))])
    assert choose_threshold(scores, np.array([0, 0])) > scores[1]


def test_a_class_counts_the_same_however_many_samples_it_has() -> None:
    # Between 0.2 and 0.4 lie ten correct labels of one class below, and two wrong ones (of two classes) above.
    scores = np.concatenate([np.full(10, 0.2), [0.3, 0.3]])
    truth, groups = np.concatenate([np.ones(10, dtype=int), [0, 0]]), np.concatenate([np.zeros(10, dtype=int), [1, 2]])
    assert choose_threshold(scores, truth) < 0.2  # rejecting costs ten samples, and wins two
    assert choose_threshold(scores, truth, groups) > 0.3  # rejecting costs one class, and wins two


def test_nothing_verified_is_an_error_with_a_remedy() -> None:
    with pytest.raises(NotVerifiedError, match="verify some labels, or give a threshold"):
        choose_threshold(np.empty(0), np.empty(0, dtype=int))


def test_a_weight_of_two_counts_as_a_copy() -> None:
    scores, truth = np.array([0.1, 0.2, 0.3, 0.4]), np.array([1, 0, 1, 1])
    weight = np.array([1.0, 2.0, 1.0, 1.0])
    copied = np.repeat(np.arange(4), weight.astype(int))
    assert choose_threshold(scores, truth, sample_weight=weight) == choose_threshold(scores[copied], truth[copied])
    assert choose_threshold(scores, truth, sample_weight=weight) > scores[1]
    assert choose_threshold(scores, truth) < scores[0]
