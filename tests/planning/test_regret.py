import numpy as np
import pytest
from scipy.special import expit, logit

from noisette.planning.regret import NUM_PARAMETERS, PRIOR_OFFSET, PRIOR_SLOPE, verdict_regret


def by_simulation(quality: np.ndarray, verified: np.ndarray) -> np.ndarray:
    """Draw slopes and offsets, and see how many wrong verdicts knowing them would save."""
    odds = logit(quality)
    precision = np.diag([PRIOR_SLOPE**-2, PRIOR_OFFSET**-2])
    for row in verified:
        point = np.array([odds[row], 1.0])
        precision += quality[row] * (1 - quality[row]) * np.outer(point, point) * 2 / NUM_PARAMETERS
    rng = np.random.default_rng(0)
    slopes, offsets = rng.multivariate_normal([1.0, 0.0], np.linalg.inv(precision), 200_000).T
    found = []
    for one in odds:
        p = expit(slopes * one + offsets)
        found.append(np.maximum(p, 1 - p).mean() - max(p.mean(), 1 - p.mean()))
    return np.array(found)


@pytest.mark.parametrize("count", [0, 30])
def test_the_regret_is_that_of_a_simulation(count: int) -> None:
    quality = np.array([0.002, 0.1, 0.45, 0.5, 0.7, 0.95, 0.99])
    verified = np.arange(count) % quality.size
    np.testing.assert_allclose(verdict_regret(quality, verified), by_simulation(quality, verified), atol=2e-3)


def test_before_any_label_every_verdict_may_be_wrong_and_later_only_those_near_a_half() -> None:
    quality = np.linspace(0.001, 0.999, 999)
    before = verdict_regret(quality, np.arange(0))
    after = verdict_regret(quality, np.arange(0, 999, 2))
    assert before.min() > 0.3 * before.max()
    assert after[499] > 0.04
    assert after[[99, 899]].max() < 1e-3
    assert (after < before).all()


@pytest.mark.parametrize("size", [1, 2, 5000])
def test_certain_and_equal_probabilities_give_numbers(size: int) -> None:
    cases: list[np.ndarray] = [np.zeros(size), np.ones(size), np.full(size, 0.5), np.arange(size) % 2.0]
    for quality in cases:
        found = verdict_regret(quality, np.arange(size))
        assert found.shape == (size,)
        assert ((found >= 0) & (found <= 0.5)).all()


def test_many_rows_are_read_off_a_grid() -> None:
    quality = np.random.default_rng(0).beta(2, 0.7, 20_000)
    verified = np.arange(50)
    few = np.concatenate([quality[:50], quality[-500:]])
    np.testing.assert_allclose(
        verdict_regret(quality, verified)[-500:], verdict_regret(few, verified)[-500:], atol=1e-3
    )
