import numpy as np
import pytest

from noisette.planning.sampling import draw, proportional_probabilities, systematic_sample, union_probabilities


def test_chances_are_proportional_and_sum_to_the_count() -> None:
    sizes = np.array([1.0, 2, 3, 4])
    np.testing.assert_allclose(proportional_probabilities(sizes, 2), sizes / 5)
    np.testing.assert_allclose(proportional_probabilities(sizes, 0), 0)
    np.testing.assert_allclose(proportional_probabilities(sizes, 4), 1)


def test_what_would_be_above_1_is_certain_and_the_others_share_the_rest() -> None:
    found = proportional_probabilities(np.array([100.0, 50, 1, 1, 2]), 3)
    np.testing.assert_allclose(found, [1, 1, 0.25, 0.25, 0.5])


@pytest.mark.parametrize("seed", range(20))
def test_a_systematic_sample_has_the_size_asked_for_and_no_unit_twice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chances = proportional_probabilities(rng.exponential(size=50) ** 3 + 0.01, 20)
    found = systematic_sample(chances, rng.permutation(50), rng)
    assert np.unique(found).size == found.size == 20
    assert np.isin(np.flatnonzero(chances == 1), found).all()


def test_the_stated_chances_are_those_of_the_draws() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([5.0, 1, 1, 2, 0.5, 3, 1, 1, 4, 0.2, 1, 1])
    along = np.arange(12, dtype=np.float64) % 3
    hits, uniform_hits, repeats = np.zeros(12), np.zeros(12), 20_000
    for _ in range(repeats):
        units, is_uniform, chances = draw(sizes, along, 3, 4, rng)
        assert np.unique(units).size == 7
        hits[units] += 1
        uniform_hits[units[is_uniform]] += 1
    assert chances.sum() == pytest.approx(7)
    spread = np.sqrt(chances * (1 - chances) / repeats)
    assert (np.abs(hits / repeats - chances) <= 4.5 * spread + 1e-12).all()
    assert np.abs(uniform_hits / repeats - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / repeats)


@pytest.mark.parametrize(("num_uniform", "num_chosen"), [(0, 4), (12, 0), (5, 7), (0, 0), (1, 10), (6, 6)])
def test_edges(num_uniform: int, num_chosen: int) -> None:
    units, is_uniform, chances = draw(
        np.arange(1.0, 13), np.zeros(12), num_uniform, num_chosen, np.random.default_rng(0)
    )
    assert units.size == num_uniform + num_chosen
    assert is_uniform.sum() == num_uniform
    assert chances.sum() == pytest.approx(num_uniform + num_chosen)


def test_chances_of_a_large_draw() -> None:
    chances = proportional_probabilities(np.linspace(0.1, 1, 1_000_000), 4_000)
    assert union_probabilities(chances, 1_000, 4_000).sum() == pytest.approx(5_000, rel=1e-6)


def test_a_draw_is_spread_evenly_along_the_numbers() -> None:
    along = np.random.default_rng(0).permutation(np.repeat(np.arange(10.0), 30))
    units, _, _ = draw(np.ones(300), along, 0, 50, np.random.default_rng(3))
    assert np.bincount(along[units].astype(int), minlength=10).tolist() == [5] * 10
