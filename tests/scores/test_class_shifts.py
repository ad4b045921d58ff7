from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit

from noisette.scores.class_shifts import (
    INTERCEPT_SD,
    SLOPE_SD,
    SPREADS,
    ShiftFit,
    fit_shifts,
    wrong_log_odds,
)
from noisette.types import Float64Array, IntArray


def _labels(
    seed: int, *, spread: float, num_classes: int = 12, per_class: int = 80
) -> tuple[Float64Array, Float64Array, IntArray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes), per_class)
    log_odds = rng.normal(-1, 1.5, labels.size)
    shift = rng.normal(0, spread, num_classes)
    return log_odds, (rng.random(labels.size) < expit(log_odds + shift[labels])).astype(float), labels


def _best(fits: list[ShiftFit]) -> ShiftFit:
    return max(fits, key=lambda fit: fit.log_evidence)


def test_each_fit_is_the_mode_that_a_general_optimiser_finds() -> None:
    log_odds, is_wrong, labels = _labels(0, spread=0.7, num_classes=4)
    fit = fit_shifts(log_odds, is_wrong, labels, np.ones(labels.size), 5)[12]

    def loss(x: Float64Array) -> float:
        line = x[0] + x[1] * log_odds + x[2:][labels]
        penalty = x[0] ** 2 / INTERCEPT_SD**2 + (x[1] - 1) ** 2 / SLOPE_SD**2 + (x[2:] ** 2).sum() / fit.spread**2
        return float((np.logaddexp(0, line) - is_wrong * line).sum() + penalty / 2)

    found = minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-7})
    assert np.append(fit.shared, fit.shifts) == pytest.approx(found.x, abs=2e-4)
    design = np.column_stack([np.ones(labels.size), log_odds, labels[:, None] == np.arange(5)])
    chance = fit.probability(log_odds, labels)
    prior = np.diag([INTERCEPT_SD**-2, SLOPE_SD**-2, *[fit.spread**-2] * 5])
    covariance = np.linalg.inv(design.T @ ((chance * (1 - chance))[:, None] * design) + prior)
    assert fit.shared_covariance == pytest.approx(covariance[:2, :2])
    assert fit.shifts[4] == 0  # the fifth class has no labels


@pytest.mark.parametrize("spread", [0.1, 1.5])
def test_the_spread_between_classes_is_learned(spread: float) -> None:
    log_odds, is_wrong, labels = _labels(1, spread=spread, num_classes=40)
    best = _best(fit_shifts(log_odds, is_wrong, labels, np.ones(labels.size), 40))
    assert best.spread < 0.35 if spread == 0.1 else 1.0 < best.spread < 2.2


def test_predictions_that_hold_are_left_as_they_are_and_a_bias_is_taken_out() -> None:
    log_odds, is_wrong, labels = _labels(2, spread=0.0, num_classes=20, per_class=400)
    fits = fit_shifts(log_odds, is_wrong, labels, np.ones(labels.size), 20)
    assert _best(fits).shared == pytest.approx([0, 1], abs=0.15)
    biased = fit_shifts(2 * log_odds + 1, is_wrong, labels, np.ones(labels.size), 20)
    assert _best(biased).shared == pytest.approx([-0.5, 0.5], abs=0.15)


@settings(deadline=None, max_examples=10)
@given(st.floats(1e-3, 1e3))
def test_the_scale_of_a_classs_weights_does_not_matter(scale: float) -> None:
    log_odds, is_wrong, labels = _labels(3, spread=0.5, num_classes=4, per_class=30)
    weights = np.random.default_rng(0).uniform(0.5, 2, labels.size)
    other = np.where(labels == 2, scale * weights, weights)
    one, two = (_best(fit_shifts(log_odds, is_wrong, labels, w, 4)) for w in (weights, other))
    assert one.shifts == pytest.approx(two.shifts, abs=1e-6)
    assert one.shared_covariance == pytest.approx(two.shared_covariance, rel=1e-6)


def test_unequal_weights_make_labels_worth_less() -> None:
    log_odds, is_wrong, labels = _labels(4, spread=0.5, num_classes=4)
    even = fit_shifts(log_odds, is_wrong, labels, np.ones(labels.size), 4)[12]
    uneven = fit_shifts(log_odds, is_wrong, labels, np.where(np.arange(labels.size) % 8, 1.0, 20.0), 4)[12]
    assert (np.diag(uneven.shared_covariance) > np.diag(even.shared_covariance)).all()


def test_no_labels_at_all_leave_the_prior() -> None:
    none = np.empty(0)
    fits = fit_shifts(none, none, np.empty(0, dtype=int), none, 3)
    assert len(fits) == SPREADS.size
    assert all(fit.shared.tolist() == [0, 1] and not fit.shifts.any() for fit in fits)
    assert _best(fits).spread == pytest.approx(0.5, rel=0.2)


def test_labels_of_one_kind_and_certain_predictions_stay_finite() -> None:
    log_odds = wrong_log_odds(np.array([0.0, 1.0, 1.0, 0.5]))
    assert np.isfinite(log_odds).all()
    assert log_odds[3] == pytest.approx(logit(0.5))
    for kind in (0.0, 1.0):
        for fit in fit_shifts(log_odds, np.full(4, kind), np.zeros(4, dtype=int), np.ones(4), 1):
            assert np.isfinite(fit.shifts).all()
            assert np.isfinite(fit.log_evidence)
            assert np.isfinite(fit.shared_covariance).all()
