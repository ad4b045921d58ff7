from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from noisette.scores.mixtures import mixture_quantile


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
