import numpy as np
import pytest

from noisette.planning import propose
from noisette.planning.label_weights import choice_note, label_weights
from noisette.scores.noise_rates import estimate_noise_rates

NAN = np.nan


def test_no_known_chance_gives_no_weights() -> None:
    assert label_weights(np.zeros(3, np.int64), np.array([1, 0, -1]), np.full(3, NAN), 1) is None


def test_the_chance_of_an_unverified_sample_does_not_count() -> None:
    assert label_weights(np.zeros(3, np.int64), np.array([1, 0, -1]), np.array([NAN, NAN, 0.5]), 1) is None


def test_known_chances_weigh_inversely_and_sum_to_the_class() -> None:
    given = np.repeat([0, 1], [10, 20])
    truth, chance = np.full(30, -1), np.full(30, NAN)
    truth[[0, 1, 10]], chance[[0, 1, 10]] = 1, [0.1, 0.4, 0.01]
    weights = label_weights(given, truth, chance, 2)
    assert weights is not None
    np.testing.assert_allclose(weights[[0, 1, 10]], [8, 2, 20])
    assert (np.delete(weights, [0, 1, 10]) == 1).all()


def test_in_a_class_without_known_chances_labels_count_the_same() -> None:
    given = np.repeat([0, 1], [10, 20])
    truth, chance = np.full(30, -1), np.full(30, NAN)
    truth[[0, 10, 11]], chance[0] = 1, 0.1
    weights = label_weights(given, truth, chance, 2)
    assert weights is not None
    np.testing.assert_allclose(weights[[0, 10, 11]], 10)


def test_of_mixed_labels_each_kind_has_a_say_by_what_it_is_worth() -> None:
    given, truth, chance = np.zeros(100, np.int64), np.full(100, -1), np.full(100, NAN)
    truth[:14] = 1
    chance[:4] = 0.02  # equal chances: worth four labels, however small the chance
    weights = label_weights(given, truth, chance, 1)
    assert weights is not None
    np.testing.assert_allclose(weights[:14], 100 / 14)
    chance[:4] = [0.001, 1, 1, 1]  # one of them stands for nearly all: worth little more than one label
    weights = label_weights(given, truth, chance, 1)
    assert weights is not None
    assert weights[:4].sum() / weights[4] == pytest.approx(1003**2 / (1000**2 + 3))


def test_in_a_fully_verified_class_each_label_is_itself() -> None:
    given, truth = np.array([0, 0, 1, 1]), np.array([1, 0, 1, -1])
    weights = label_weights(given, truth, np.array([0.5, 0.1, 0.5, NAN]), 2)
    assert weights is not None
    np.testing.assert_allclose(weights, [1, 1, 2, 1])


def test_noise_rates_of_a_plan_are_right_with_weights_and_wrong_without() -> None:
    rng = np.random.default_rng(0)
    quality = rng.beta(2, 0.5, 4000)
    given, is_correct = np.repeat([0, 1], 2000), (rng.random(4000) < quality).astype(np.int64)
    rates: dict[str, list[float]] = {"weighted": [], "plain": []}
    for seed in range(60):
        found = propose(quality, given, np.full(4000, -1), 2, 200, audit_share=0.2, random_state=seed)
        truth, chance = np.full(4000, -1), np.full(4000, NAN)
        truth[found.rows], chance[found.rows] = is_correct[found.rows], found.inclusion_probability
        for name, weights in (("weighted", label_weights(given, truth, chance, 2)), ("plain", None)):
            rates[name].append(estimate_noise_rates(given, None, truth, 2, sample_weight=weights).rate[0])
    true_rate = 1 - is_correct[:2000].mean()
    assert np.mean(rates["weighted"]) == pytest.approx(true_rate, abs=0.012)
    assert np.mean(rates["plain"]) > true_rate + 0.04


def test_labels_of_several_rounds_each_weighed_by_its_own_draw_give_the_rate() -> None:
    rng = np.random.default_rng(0)
    quality = rng.beta(2, 0.5, 4000)
    given, is_correct = np.repeat([0, 1], 2000), (rng.random(4000) < quality).astype(np.int64)
    weighted, plain = [], []
    for seed in range(30):
        truth, chance = np.full(4000, -1), np.full(4000, NAN)
        for number, budget in enumerate((50, 50, 100)):  # the later ones know more, and go elsewhere
            found = propose(quality, given, truth, 2, budget, random_state=np.random.default_rng([seed, number]))
            truth[found.rows], chance[found.rows] = is_correct[found.rows], found.inclusion_probability
        weights = label_weights(given, truth, chance, 2)
        weighted.append(estimate_noise_rates(given, None, truth, 2, sample_weight=weights).rate)
        plain.append(estimate_noise_rates(given, None, truth, 2).rate)
    true_rate = 1 - is_correct.reshape(2, 2000).mean(axis=1)
    np.testing.assert_allclose(np.mean(weighted, axis=0), true_rate, atol=0.02)
    assert (np.mean(plain, axis=0) > true_rate + 0.04).all()


@pytest.mark.parametrize(
    ("verified", "known", "start"),
    [
        (0, 0, ""),
        (5, 0, "Errors and intervals assume that the checked labels were chosen at random within their class."),
        (5, 5, "The checked labels were drawn with known chances, and count by them."),
        (1500, 5, "5 of the 1,500 checked labels were drawn with known chances, and count by them; errors and"),
    ],
)
def test_words(verified: int, known: int, start: str) -> None:
    assert choice_note(verified, known).startswith(start)
    assert bool(choice_note(verified, known)) == bool(start)
