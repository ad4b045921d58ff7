from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.special import expit

from noisette.scores.corrected import Corrected, correct_predictions
from noisette.scores.intervals import wilson_interval
from noisette.scores.predicted_rates import predicted_shares

LABELS = np.repeat(np.arange(5), 400)


def _corrected(seed: int = 0) -> tuple[Corrected, np.ndarray]:
    """Five classes of 460 labels, 60 verified in each of the first four; give what is learned and the other odds."""
    rng = np.random.default_rng(seed)
    given = np.repeat(np.arange(5), 460)
    log_odds = rng.normal(-1, 1.5, given.size)
    wrong = rng.random(given.size) < expit(log_odds + 0.4)
    verified = np.where((np.arange(given.size) % 460 < 60) & (given < 4), ~wrong, -1)
    corrected = correct_predictions(given, expit(-log_odds), verified, np.ones(given.size), 5)
    return corrected, log_odds[np.arange(given.size) % 460 >= 60]


def test_intervals_without_counts_are_those_of_many_draws_from_the_model() -> None:
    corrected, log_odds = _corrected()
    fit = corrected.fits[12]
    shares, everything = predicted_shares(
        dataclasses.replace(corrected, fits=[fit]), log_odds, LABELS, 0.95, with_counts=False
    )
    rng, draws = np.random.default_rng(1), []
    for _ in range(4000):
        shared = rng.multivariate_normal(fit.shared, fit.shared_covariance)
        line = shared[0] + shared[1] * log_odds + rng.normal(0, fit.spread, 5)[LABELS]
        draws.append(np.bincount(LABELS, rng.random(LABELS.size) < expit(line), minlength=5) / 400)
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    assert shares.low == pytest.approx(low, abs=0.03)
    assert shares.high == pytest.approx(high, abs=0.03)
    together = np.quantile(np.mean(draws, axis=1), (0.025, 0.975))
    assert (everything.low[0], everything.high[0]) == pytest.approx(tuple(together), abs=0.015)


def test_counts_draw_a_class_to_its_share_and_shorten_its_interval() -> None:
    corrected, log_odds = _corrected()
    alone, _ = predicted_shares(corrected, log_odds, LABELS, 0.95, with_counts=False)
    counted = dataclasses.replace(corrected, share=np.full(5, 0.9))
    joined, _ = predicted_shares(counted, log_odds, LABELS, 0.95)
    assert (joined.value > alone.value)[:4].all()
    assert (joined.value < 0.9)[:4].all()
    agreeing, _ = predicted_shares(dataclasses.replace(corrected, share=alone.value), log_odds, LABELS, 0.95)
    assert (agreeing.high - agreeing.low < alone.high - alone.low)[:4].all()
    assert joined.ranges()[:, 4] == pytest.approx(alone.ranges()[:, 4])


def test_many_labels_of_a_class_have_the_last_word() -> None:
    corrected, log_odds = _corrected()
    wilson = wilson_interval(30_000, 100_000)
    many = dataclasses.replace(corrected, share=np.full(5, 0.3), effective=np.full(5, 1e5))
    shares, _ = predicted_shares(many, np.repeat(log_odds, 500), np.repeat(LABELS, 500), 0.95)
    assert shares.value == pytest.approx(np.full(5, 0.3), abs=2e-3)
    assert shares.high - shares.low == pytest.approx(np.full(5, wilson[1] - wilson[0]), rel=0.3)


def test_a_class_without_unverified_labels_has_no_share() -> None:
    corrected = correct_predictions(np.zeros(9, int), np.full(9, 0.5), np.full(9, -1), np.ones(9), 2)
    shares, everything = predicted_shares(corrected, np.zeros(9), np.zeros(9, dtype=int), 0.95)
    assert np.isnan(shares.ranges()[:, 1]).all()
    assert 0 < shares.low[0] < shares.value[0] < shares.high[0] < 1
    assert everything.value[0] == pytest.approx(shares.value[0])
    nothing, _ = predicted_shares(corrected, np.empty(0), np.empty(0, dtype=int), 0.95)
    assert np.isnan(nothing.ranges()).all()
