from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from noisette.scores.class_shifts import fit_shifts
from noisette.scores.predicted_rates import predicted_shares


def test_intervals_are_those_of_many_draws_from_the_model() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 60)
    log_odds = rng.normal(-1, 1.5, labels.size)
    is_wrong = (rng.random(labels.size) < expit(log_odds + 0.4)).astype(float)
    fit = fit_shifts(log_odds, is_wrong, labels, np.ones(labels.size), 5)[12]
    rows = np.repeat(np.arange(5), 400)
    other = rng.normal(-1, 1.5, rows.size)
    shares, everything = predicted_shares([fit], other, rows, 5, 0.95)
    draws = []
    for _ in range(4000):
        shared = rng.multivariate_normal(fit.shared, fit.shared_covariance)
        shifts = fit.shifts - fit.coupling @ (shared - fit.shared) + rng.normal(0, np.sqrt(fit.shift_variance()))
        actual = rng.random(rows.size) < expit(shared[0] + shared[1] * other + shifts[rows])
        draws.append(np.bincount(rows, actual, minlength=5) / 400)
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    assert shares.low == pytest.approx(low, abs=0.02)
    assert shares.high == pytest.approx(high, abs=0.02)
    together = np.quantile(np.mean(draws, axis=1), (0.025, 0.975))
    assert (everything.low[0], everything.high[0]) == pytest.approx(tuple(together), abs=0.01)


def test_a_class_without_unverified_labels_has_no_share() -> None:
    none = np.empty(0)
    fits = fit_shifts(none, none, np.empty(0, dtype=int), none, 2)
    shares, everything = predicted_shares(fits, np.zeros(10), np.zeros(10, dtype=int), 2, 0.95)
    assert np.isnan(shares.ranges()[:, 1]).all()
    assert 0 < shares.low[0] < shares.value[0] < shares.high[0] < 1
    assert everything.value[0] == pytest.approx(shares.value[0])
    nothing, _ = predicted_shares(fits, none, np.empty(0, dtype=int), 2, 0.95)
    assert np.isnan(nothing.ranges()).all()
