from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from noisette.scores.mixtures import mixture_quantile, shortest_shares


def test_one_component_is_a_normal_distribution() -> None:
    found = mixture_quantile(np.array([[1.0, -2.0]]), np.array([[2.0, 0.5]]), np.ones(1), 0.975)
    assert found == pytest.approx(norm.ppf(0.975, [1, -2], [2, 0.5]), abs=1e-9)


def test_the_mixture_has_the_wanted_share_below_its_quantile() -> None:
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(size=(5, 3)), rng.uniform(0.1, 2, (5, 3))
    weights = rng.dirichlet(np.ones(5))
    for probability in (0.025, 0.5, 0.9):
        found = mixture_quantile(means, deviations, weights, probability)
        assert weights @ norm.cdf(found, means, deviations) == pytest.approx(probability, abs=1e-9)


def test_without_spread_it_is_the_mean() -> None:
    assert mixture_quantile(np.full((3, 1), 0.3), np.zeros((3, 1)), np.full(3, 1 / 3), 0.025)[0] == pytest.approx(0.3)


def test_the_interval_of_a_share_holds_its_level_and_none_of_the_others_is_shorter() -> None:
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(-1, 1, size=(5, 4)), rng.uniform(0.2, 1, (5, 4))
    weights = rng.dirichlet(np.ones(5))
    low, high = shortest_shares(means, deviations, weights, 0.9)
    mass = weights @ (norm.cdf(logit(high), means, deviations) - norm.cdf(logit(low), means, deviations))
    assert mass == pytest.approx(0.9, abs=1e-6)
    for below in np.linspace(0.002, 0.098, 200):
        other = [expit(mixture_quantile(means, deviations, weights, p)) for p in (below, below + 0.9)]
        assert (high - low <= other[1] - other[0] + 2e-3).all()


def test_an_interval_of_a_share_is_that_of_the_other_side_turned_round() -> None:
    means, deviations, weights = np.array([[-1.5], [-1.0]]), np.array([[0.5], [0.8]]), np.array([0.3, 0.7])
    low, high = shortest_shares(means, deviations, weights, 0.95)
    turned = shortest_shares(-means, deviations, weights, 0.95)
    assert 1 - high == pytest.approx(turned[0])
    assert 1 - low == pytest.approx(turned[1])
    even = [expit(mixture_quantile(means, deviations, weights, p)) for p in (0.025, 0.975)]
    assert low < even[0]  # it leans away from 1/2, to where the share is likelier
    assert high < even[1]
