from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from noisette.errors import InvalidInputError, ShapeError
from noisette.scores.intervals import wilson_interval
from noisette.scores.noise_rates import NoiseRates, estimate_noise_rates


def _world(
    seed: int, *, num_classes: int, verified_classes: int, num_verified: int, size: int = 200
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Classes of different noise, predictions biased differently in each class, a few classes verified at random."""
    rng = np.random.default_rng(seed)
    given = np.repeat(np.arange(num_classes), size)
    wrong = rng.random(given.size) < rng.beta(2, 8, num_classes)[given]
    logit = 1.5 * (rng.normal(0, 1, given.size) - 1.5 * wrong) + 2.4 + rng.normal(0, 0.4, num_classes)[given]
    truth = np.full(given.size, -1)
    for label in range(verified_classes):
        rows = np.flatnonzero(given == label)[rng.permutation(size)[:num_verified]]
        truth[rows] = 1 - wrong[rows]
    return given, 1 / (1 + np.exp(-logit)), truth, wrong


def test_a_class_with_many_verified_labels_has_wilsons_interval() -> None:
    size = 1_000_000  # so large that drawing without replacement makes no difference
    truth = np.concatenate([np.zeros(10), np.ones(30), np.full(size - 40, -1)]).astype(int)
    found = estimate_noise_rates(np.zeros(size, dtype=int), None, truth, 1)
    low, high = wilson_interval(10, 40)
    assert found.rate[0] == 0.25
    assert (found.low[0], found.high[0]) == pytest.approx((float(low), float(high)), rel=1e-3)
    assert (found.num_samples[0], found.num_verified[0], found.num_wrong[0]) == (size, 40, 10)
    assert found.source == ("counted",)


def test_nothing_is_uncertain_about_a_fully_verified_class() -> None:
    found = estimate_noise_rates(np.array([0, 0, 0, 1]), None, np.array([1, 0, 0, -1]), 2)
    assert found.rate[0] == found.low[0] == found.high[0] == 2 / 3
    assert found.source == ("counted", "not known")
    assert (found.low[1], found.high[1]) == (0, 1)
    assert np.isnan(found.rate[1])
    assert np.isnan(found.total.value)
    assert (found.total.low, found.total.high) == (2, 3)


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_about_as_often_as_they_say(seed: int) -> None:
    held, total_held, runs = [], [], 60
    for run in range(runs):
        given, quality, truth, wrong = _world(1000 * seed + run, num_classes=16, verified_classes=8, num_verified=40)
        found = estimate_noise_rates(given, quality, truth, 16)
        actual = np.bincount(given, wrong) / np.bincount(given)
        held.append((found.low <= actual) & (actual <= found.high))
        total_held.append(found.total.low <= wrong.sum() <= found.total.high)
        assert found.source == ("counted",) * 8 + ("modelled",) * 8
    assert 0.88 < np.mean(held) < 0.995
    assert np.mean(total_held) > 0.8


def test_verified_labels_correct_a_biased_model() -> None:
    given, quality, truth, wrong = _world(0, num_classes=40, verified_classes=20, num_verified=60)
    gloomy = quality * 0.8
    found = estimate_noise_rates(given, gloomy, truth, 40)
    naive = float((1 - gloomy).sum())
    assert abs(found.total.value - wrong.sum()) < 0.25 * abs(naive - wrong.sum())


def test_classes_that_differ_more_widen_the_intervals_of_the_others() -> None:
    given, truth = np.repeat(np.arange(8), 300), np.full(2400, -1)
    widths = []
    for spread in (0.0, 0.2):
        for label in range(6):
            rate = 0.3 + spread * (-1) ** label
            truth[np.flatnonzero(given == label)[:60]] = np.arange(60) >= 60 * rate
        found = estimate_noise_rates(given, np.full(2400, 0.7), truth, 8)
        assert found.source[7] == "modelled"
        widths.append(found.high[7] - found.low[7])
    assert widths[1] > 2 * widths[0]


def test_a_few_verified_labels_pull_a_class_towards_what_they_say() -> None:
    given, truth = np.repeat(np.arange(8), 300), np.full(2400, -1)
    for label in range(7):
        rate = (0.1, 0.3, 0.5, 0.2, 0.4, 0.3, 0.3)[label]
        truth[np.flatnonzero(given == label)[:60]] = np.arange(60) >= 60 * rate
    quality = np.full(2400, 0.7)
    before = estimate_noise_rates(given, quality, truth, 8)
    truth[np.flatnonzero(given == 7)[:10]] = 0
    after = estimate_noise_rates(given, quality, truth, 8)
    assert after.source[7] == "modelled"
    assert before.rate[7] + 0.1 < after.rate[7] < 1


@pytest.mark.parametrize("verified_classes", [0, 1, 2])
def test_too_few_verified_classes_to_bound_the_others(verified_classes: int) -> None:
    given, quality, truth, _ = _world(0, num_classes=5, verified_classes=verified_classes, num_verified=30)
    found = estimate_noise_rates(given, quality, truth, 5)
    assert found.source == ("counted",) * verified_classes + ("guessed",) * (5 - verified_classes)
    assert (found.low[verified_classes:] == 0).all()
    assert (found.high[verified_classes:] == 1).all()
    assert 0 <= found.total.low <= found.total.value <= found.total.high <= 1000
    assert found.total.high - found.total.low >= 200 * (5 - verified_classes) - 1


def test_intervals_never_contradict_what_is_verified() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        given = rng.integers(0, 6, 80)
        truth = rng.choice([-1, 0, 1], 80, p=rng.dirichlet([1, 1, 1]))
        quality = np.where(rng.random(80) < 0.05, np.nan, rng.random(80))
        found = estimate_noise_rates(given, quality, truth, 7)
        _check_bounds(found)


def _check_bounds(found: NoiseRates) -> None:
    size = np.maximum(found.num_samples, 1)
    least, most = found.num_wrong / size, 1 - (found.num_verified - found.num_wrong) / size
    assert (found.low >= least - 1e-12).all()
    assert (found.high <= most + 1e-12).all()
    known = np.isfinite(found.rate)
    assert (found.low[known] <= found.rate[known]).all()
    assert (found.rate[known] <= found.high[known]).all()
    assert [s == "not known" for s in found.source] == (~known).tolist()
    assert found.source[6] == "not known"
    assert found.num_wrong.sum() <= found.total.low <= found.total.high
    assert found.total.high <= (found.num_samples - found.num_verified + found.num_wrong).sum()


def test_inclusion_probabilities_undo_a_biased_choice() -> None:
    given, truth = np.zeros(10_000, dtype=int), np.full(10_000, -1)
    truth[:60] = np.repeat([0, 1], 30)  # wrong ones were three times as likely to be picked
    weight = np.where(truth == 0, 1.0, 3.0)
    found = estimate_noise_rates(given, None, truth, 1, sample_weight=weight)
    plain = estimate_noise_rates(given, None, truth, 1)
    assert found.rate[0] == pytest.approx(0.25)
    assert plain.rate[0] == 0.5
    # Kish: (30 + 90)^2 / (30 + 270) = 48 labels' worth
    low, high = wilson_interval(12, 48)
    assert (found.low[0], found.high[0]) == pytest.approx((float(low), float(high)), abs=2e-3)


def test_no_samples_at_all() -> None:
    found = estimate_noise_rates(np.empty(0, dtype=int), None, np.empty(0, dtype=int), 2)
    assert found.source == ("not known", "not known")
    assert found.total.value == found.total.high == 0


def test_bad_arguments_say_what_is_wrong() -> None:
    given, truth = np.zeros(2, dtype=int), np.array([1, -1])
    with pytest.raises(ShapeError, match=r"`label_quality` must have shape \(2,\), got \(1,\)"):
        estimate_noise_rates(given, np.zeros(1), truth, 1)
    with pytest.raises(InvalidInputError, match=r"`label_quality` must lie in \[0, 1\]; calibrate"):
        estimate_noise_rates(given, np.array([0.5, 1.5]), truth, 1)
    with pytest.raises(InvalidInputError, match="only 1, 0 and -1"):
        estimate_noise_rates(given, None, np.array([1, 2]), 1)
    with pytest.raises(InvalidInputError, match="`sample_weight` of verified samples must be above 0"):
        estimate_noise_rates(given, None, truth, 1, sample_weight=np.zeros(2))
    with pytest.raises(InvalidInputError, match="`min_verified` must be at least 1, got 0"):
        estimate_noise_rates(given, None, truth, 1, min_verified=0)
    with pytest.raises(InvalidInputError, match=r"`level` must lie in \(0, 1\)"):
        estimate_noise_rates(given, None, truth, 1, level=1.0)


def test_intervals_cover_where_each_verified_class_has_few_labels() -> None:
    rng = np.random.default_rng(1)
    num_classes, size, labels_a_class = 50, 150, 3
    covered = []
    for _ in range(30):
        given = np.repeat(np.arange(num_classes), size)
        predicted = expit(rng.normal(0, 2, given.size) + rng.normal(-1.4, 0.6, num_classes)[given])
        shifted = expit(logit(predicted) + rng.normal(0, 0.8, num_classes)[given])
        wrong = rng.random(given.size) < shifted
        verified = np.full(given.size, -1)
        for label in range(0, num_classes, 2):
            rows = label * size + rng.permutation(size)[:labels_a_class]
            verified[rows] = ~wrong[rows]
        rates = estimate_noise_rates(given, 1 - predicted, verified, num_classes)
        truth = np.bincount(given, wrong) / size
        covered.append(((rates.low <= truth) & (truth <= rates.high)).mean())
    assert np.mean(covered) > 0.92


def _drawn_by_uncertainty(
    seed: int, *, with_quality: bool
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray, np.ndarray]:
    """Ten classes, six with about 250 labels drawn where the predictions are unsure (and too sure elsewhere)."""
    rng = np.random.default_rng(seed)
    given = np.repeat(np.arange(10), 1000)
    log_odds = rng.normal(-2, 2, given.size) + rng.normal(0, 0.5, 10)[given]
    wrong = rng.random(given.size) < expit(0.6 * log_odds - 0.3)
    p = expit(log_odds)
    size = np.sqrt(p * (1 - p)) + 0.05
    chance = np.minimum(1, 250 * size / np.bincount(given, size)[given])
    drawn = (rng.random(given.size) < chance) & (given < 6)
    verified = np.where(drawn, ~wrong, -1)
    return given, (1 - p if with_quality else None), verified, 1 / chance, wrong


@pytest.mark.parametrize("with_quality", [False, True])
def test_labels_drawn_by_uncertainty_hold_with_weights_and_fail_without(with_quality: bool) -> None:
    held: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(20):
        given, quality, verified, weight, wrong = _drawn_by_uncertainty(seed, with_quality=with_quality)
        truth = np.bincount(given, wrong) / 1000
        for weighted in held:
            found = estimate_noise_rates(given, quality, verified, 10, sample_weight=weight if weighted else None)
            held[weighted].append(((found.low <= truth) & (truth <= found.high))[:6].mean())
    assert np.mean(held[True]) >= 0.92
    assert np.mean(held[False]) < 0.85


def test_good_predictions_shorten_the_intervals_of_verified_classes() -> None:
    given, _, truth, wrong = _world(0, num_classes=16, verified_classes=8, num_verified=40)
    quality = expit(np.random.default_rng(0).normal(np.where(wrong, -2, 2), 2))
    with_model = estimate_noise_rates(given, quality, truth, 16)
    by_counts = estimate_noise_rates(given, None, truth, 16)
    width = (with_model.high - with_model.low)[:8].mean()
    assert width < 0.85 * (by_counts.high - by_counts.low)[:8].mean()


def test_useless_predictions_cost_little_in_verified_classes() -> None:
    given, _, truth, wrong = _world(1, num_classes=16, verified_classes=8, num_verified=40)
    noise = np.random.default_rng(0).random(given.size)
    found = estimate_noise_rates(given, noise, truth, 16)
    low, high = wilson_interval(found.num_wrong[:8], found.num_verified[:8])
    assert (found.high - found.low)[:8].mean() < 1.2 * (high - low).mean()
    assert (found.low <= np.bincount(given, wrong) / 200)[:8].mean() > 0.8


def test_a_class_that_lacks_some_predictions_is_counted() -> None:
    given, quality, truth, _ = _world(0, num_classes=6, verified_classes=4, num_verified=40)
    quality[given == 0], quality[given == 5] = np.nan, np.nan
    found = estimate_noise_rates(given, quality, truth, 6)
    assert found.rate[0] == found.num_wrong[0] / 40
    assert found.source == ("counted",) * 4 + ("modelled", "not known")
