from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from noisette.errors import InvalidInputError
from noisette.scores.noise_rates import Estimate
from noisette.scores.remaining import wrong_labels_left


def _world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ten classes, five with 40 verified labels; predictions too sure of themselves, and off by class."""
    rng = np.random.default_rng(seed)
    given = np.repeat(np.arange(10), 500)
    log_odds = rng.normal(-2, 2, given.size)
    wrong = rng.random(given.size) < expit(0.7 * log_odds + rng.normal(0, 0.4, 10)[given])
    verified = np.full(given.size, -1)
    for label in range(5):
        rows = label * 500 + rng.permutation(500)[:40]
        verified[rows] = ~wrong[rows]
    return given, expit(-log_odds), verified, wrong


def test_the_interval_holds_the_number_of_wrong_labels_left() -> None:
    held, values, naive, actual = [], [], [], []
    for seed in range(40):
        given, quality, verified, wrong = _world(seed)
        issue = quality < 0.5
        left = (verified < 0) & ~issue
        found = wrong_labels_left(given, quality, verified, issue, 10)
        actual.append(int(wrong[left].sum()))
        held.append(found.low <= actual[-1] <= found.high)
        values.append(found.value)
        naive.append(float((1 - quality[left]).sum()))
    assert np.mean(held) >= 0.9
    assert np.mean(values) == pytest.approx(np.mean(actual), rel=0.1)
    assert np.mean(naive) < 0.8 * np.mean(actual)


def test_nothing_is_left_where_all_labels_are_flagged_or_verified() -> None:
    given, quality, verified, _ = _world(0)
    assert wrong_labels_left(given, quality, verified, verified < 0, 10) == Estimate(0, 0, 0)
    assert wrong_labels_left(np.zeros(0, int), None, np.zeros(0, int), np.zeros(0, bool), 2) == Estimate(0, 0, 0)


def test_flagging_more_leaves_less() -> None:
    given, quality, verified, _ = _world(1)
    values = [wrong_labels_left(given, quality, verified, quality < cut, 10).value for cut in (0.0, 0.3, 0.6, 0.9)]
    assert values == sorted(values, reverse=True)


def test_without_predictions_there_is_no_estimate_and_without_verified_classes_no_bound() -> None:
    given, quality, verified, _ = _world(2)
    issue = quality < 0.5
    left = int(((verified < 0) & ~issue).sum())
    nothing = wrong_labels_left(given, None, verified, issue, 10)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0, left)
    guess = wrong_labels_left(given, quality, np.full(given.size, -1), np.zeros(given.size, bool), 10)
    assert guess.value == pytest.approx((1 - quality).sum(), rel=1e-3)
    assert (guess.low, guess.high) == (0, given.size)


def test_impossible_probabilities_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"`label_quality` must lie in \[0, 1\]"):
        wrong_labels_left(np.zeros(1, int), np.array([2.0]), np.array([-1]), np.zeros(1, bool), 1)
