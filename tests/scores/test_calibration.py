from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import NotVerifiedError
from noisette.scores.calibration import LOG_ODDS_DEVIATIONS, PlattCalibrator, fit_calibrator, fit_log_odds_calibrator

numbers = st.floats(-50, 50, allow_subnormal=False)
rows = st.lists(st.tuples(numbers, st.integers(0, 1)), min_size=1, max_size=30)


def _draw(seed: int, size: int, slope: float = 3.0, intercept: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1, size)
    return scores, (rng.random(size) < 1 / (1 + np.exp(-(slope * scores + intercept)))).astype(np.int64)


def _slow_loss(slope: float, intercept: float, scores: np.ndarray, truth: np.ndarray) -> float:
    """Platt's penalised likelihood, sample by sample, on standardised scores."""
    good, bad = int((truth == 1).sum()), int((truth == 0).sum())
    value = 1e-3 * slope**2
    for score, kind in zip((scores - scores.mean()) / scores.std(), truth, strict=True):
        target = (good + 1) / (good + 2) if kind == 1 else 1 / (bad + 2)
        chance = 1 / (1 + math.exp(-(slope * score + intercept)))
        value -= target * math.log(chance) + (1 - target) * math.log(1 - chance)
    return value


@pytest.mark.parametrize("seed", range(3))
def test_no_other_parameters_have_a_lower_loss(seed: int) -> None:
    scores, truth = _draw(seed, 40)
    found = fit_calibrator(scores, truth)
    best = _slow_loss(found.slope, found.intercept, scores, truth)
    for step in (0.01, 0.1, 1.0):
        for slope, intercept in ((step, 0), (-step, 0), (0, step), (0, -step), (step, step), (step, -step)):
            moved = _slow_loss(found.slope + slope, found.intercept + intercept, scores, truth)
            assert moved >= best - 1e-6


def test_the_true_curve_is_found_with_much_data() -> None:
    scores, truth = _draw(0, 20_000)
    probability = fit_calibrator(scores, truth)(np.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-np.array([-2.0, 1.0, 4.0]))), atol=0.02)


@settings(max_examples=80, deadline=None)
@given(rows, st.lists(numbers, min_size=2, max_size=10))
def test_probabilities_rise_with_the_score_and_stay_inside(
    verified: list[tuple[float, int]], asked: list[float]
) -> None:
    scores, truth = (np.array(column) for column in zip(*verified, strict=True))
    probability = fit_calibrator(scores.astype(float), truth)(np.sort(np.array(asked)))
    assert ((probability >= 0) & (probability <= 1)).all()
    assert (np.diff(probability) >= 0).all()


@pytest.mark.parametrize(("factor", "shift"), [(0.01, 0.0), (100.0, 5.0), (1.0, -30.0)])
def test_probabilities_do_not_change_with_the_scale_of_scores(factor: float, shift: float) -> None:
    scores, truth = _draw(1, 200)
    moved = factor * scores + shift
    np.testing.assert_allclose(fit_calibrator(moved, truth)(moved), fit_calibrator(scores, truth)(scores), atol=1e-4)


@pytest.mark.parametrize("kind", [0, 1])
def test_one_kind_only_never_gives_certainty(kind: int) -> None:
    scores = np.array([0.1, 0.5, 0.7, 0.9])
    calibrator = fit_calibrator(scores, np.full(4, kind))
    expected = 5 / 6 if kind else 1 / 6
    np.testing.assert_allclose(calibrator(np.array([-5.0, 0.5, 5.0])), expected, atol=0.01)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3])
def test_equal_scores_do_not_blow_up_the_scale(value: float) -> None:
    calibrator = fit_calibrator(np.full(7, value), np.array([1, 1, 1, 0, 1, 1, 0]))
    assert calibrator.scale == 1.0
    assert 0.05 < calibrator(np.array([value + 0.2]))[0] < 0.95


def test_a_handful_of_separable_samples_gives_no_certainty() -> None:
    probability = fit_calibrator(np.array([0.1, 0.9]), np.array([0, 1]))(np.array([0.1, 0.9]))
    assert 0.2 < probability[0] < 0.5 < probability[1] < 0.8


def test_scores_that_point_the_wrong_way_are_not_turned_round() -> None:
    scores, truth = _draw(2, 300)
    assert fit_calibrator(-scores, truth).slope == pytest.approx(0, abs=1e-6)


def test_whole_weights_move_the_result_as_copies_do() -> None:
    scores, truth = _draw(3, 400)
    weight = np.where(truth == 1, 1.0, 3.0)
    again = np.repeat(np.arange(400), weight.astype(int))
    weighted, copied = fit_calibrator(scores, truth, weight), fit_calibrator(scores[again], truth[again])
    np.testing.assert_allclose(weighted(scores), copied(scores), atol=2e-3)


def test_the_formula() -> None:
    assert PlattCalibrator(2.0, 1.0, 0.5, 0.1)(np.array([0.55]))[0] == pytest.approx(1 / (1 + math.exp(-2)))


def test_nothing_verified_is_an_error_with_a_remedy() -> None:
    with pytest.raises(NotVerifiedError, match="verify some labels first"):
        fit_calibrator(np.empty(0), np.empty(0, dtype=int))


def test_scores_too_near_for_their_squares() -> None:
    calibrator = fit_calibrator(np.array([0.0, 1e-286]), np.array([0, 1]))
    np.testing.assert_allclose(calibrator(np.array([0.0, 1e-286])), 0.5, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_log_odds_are_moved_to_the_most_probable_slope_and_intercept(seed: int) -> None:
    scores, truth = _draw(seed, 30)
    found = fit_log_odds_calibrator(scores, truth)

    def loss(slope: float, intercept: float) -> float:
        value = ((slope - 1) / LOG_ODDS_DEVIATIONS[0]) ** 2 / 2 + (intercept / LOG_ODDS_DEVIATIONS[1]) ** 2 / 2
        for score, kind in zip(scores, truth, strict=True):
            chance = 1 / (1 + math.exp(-(slope * score + intercept)))
            value -= math.log(chance if kind == 1 else 1 - chance)
        return float(value)

    best = loss(found.slope, found.intercept)
    for step in (0.01, 0.1, 1.0):
        for slope, intercept in ((step, 0), (-step, 0), (0, step), (0, -step), (step, -step)):
            assert loss(found.slope + slope, found.intercept + intercept) >= best - 1e-6


def test_log_odds_stay_as_they_are_without_labels_and_follow_many() -> None:
    nothing = fit_log_odds_calibrator(np.empty(0), np.empty(0, dtype=np.int64))
    assert (nothing.slope, nothing.intercept) == (1.0, 0.0)
    scores, truth = _draw(0, 20_000)
    found = fit_log_odds_calibrator(scores, truth)
    assert found.slope == pytest.approx(3, abs=0.15)
    assert found.intercept == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_few_labels_of_one_kind_move_log_odds_a_little(kind: int) -> None:
    found = fit_log_odds_calibrator(np.array([-1.0, 0.0, 1.0]), np.full(3, kind))
    assert 0.8 < found.slope < 1.2
    assert 0.1 < abs(found.intercept) < 0.6
    assert (found.intercept > 0) == (kind == 1)


def test_log_odds_that_point_the_wrong_way_are_not_turned_round() -> None:
    scores, truth = _draw(2, 3000)
    assert fit_log_odds_calibrator(-scores, truth).slope == pytest.approx(0, abs=0.05)


def test_whole_weights_move_log_odds_as_copies_do() -> None:
    scores, truth = _draw(3, 60)
    weight = np.where(truth == 1, 1.0, 3.0)
    again = np.repeat(np.arange(60), weight.astype(int))
    weighted = fit_log_odds_calibrator(scores, truth, weight)
    copied = fit_log_odds_calibrator(scores[again], truth[again])
    assert weighted.slope == pytest.approx(copied.slope, abs=1e-4)
    assert weighted.intercept == pytest.approx(copied.intercept, abs=1e-4)
