import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from noisette.errors import InvalidInputError
from noisette.planning import propose
from noisette.planning.outlook import ErrorOutlook, error_outlook
from noisette.planning.proposal import draw_sizes
from noisette.planning.regret import verdict_regret
from noisette.planning.removal import Removal


def sample(size: int, shift: float = 2.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = (rng.random(size) < 0.7).astype(np.int64)
    return rng.normal(size=size) + shift * truth, truth


def test_the_floor_is_the_error_of_the_best_threshold() -> None:
    scores, truth = sample(4000)
    found = error_outlook(scores, truth, 100_000)
    assert found is not None
    best = min(((scores >= t) != truth).mean() for t in np.quantile(scores, np.linspace(0, 1, 200)))
    assert found.floor == pytest.approx(best, abs=0.01)
    assert 0 < found.slope < 10
    error = found.error_after(0)
    assert found.standard_error == pytest.approx(np.sqrt(error * (1 - error) / 4000), rel=0.05)


def test_the_error_after_all_are_checked_is_0() -> None:
    found = ErrorOutlook(1000, 100, 0.2, 1.0, 0.01)
    assert found.error_after(900) == found.error_after(5000) == 0
    assert found.error_after(0) == pytest.approx((0.2 + 0.01) * 0.9)


def test_labels_until_a_target_are_the_fewest_that_reach_it() -> None:
    found = ErrorOutlook(1000, 100, 0.2, 1.0, 0.01)
    more = found.labels_until(0.1)
    assert found.error_after(more) <= 0.1 < found.error_after(more - 1)
    assert found.labels_until(0.5) == 0
    assert found.labels_until(0.0) == 900
    with pytest.raises(InvalidInputError, match=r"`target_error` must lie in \[0, 1\], got nan"):
        found.labels_until(float("nan"))


@pytest.mark.parametrize(("num_samples", "enough"), [(1000, False), (1_000_000, True)])
def test_stop_when_a_hundred_labels_gain_less_than_a_tenth_of_a_point(num_samples: int, enough: bool) -> None:
    found = ErrorOutlook(num_samples, 500, 0.1, 0.0, 0.01)
    assert found.gain == pytest.approx(0.1 * 100 / num_samples)
    assert found.is_enough == enough


@pytest.mark.parametrize("size", [0, 99])
def test_few_labels_say_nothing(size: int) -> None:
    assert error_outlook(*sample(size), 1000) is None


def test_labels_of_one_kind_say_nothing() -> None:
    assert error_outlook(np.arange(200.0), np.ones(200, np.int64), 1000) is None


def test_a_perfect_ranking_has_no_error() -> None:
    truth = np.arange(400) % 2
    found = error_outlook(truth.astype(float), truth, 1000)
    assert found is not None
    assert (found.error_after(0), found.standard_error) == (0, 0)


def test_weights_count() -> None:
    scores, truth = sample(2000, shift=1.0)
    hard = np.abs(scores + 0.35) < 1
    plain = error_outlook(scores, truth, 10_000)
    easy = error_outlook(scores, truth, 10_000, sample_weight=np.where(hard, 0.05, 1.0))
    assert plain is not None
    assert easy is not None
    assert easy.error_after(0) < 0.8 * plain.error_after(0)
    assert easy.standard_error > 0


def test_the_same_seed_gives_the_same_outlook() -> None:
    assert error_outlook(*sample(300), 1000) == error_outlook(*sample(300), 1000)


@pytest.mark.parametrize(("standard_error", "enough"), [(0.01, True), (0.04, True), (0.06, False)])
def test_stop_waits_where_the_error_is_little_known(standard_error: float, enough: bool) -> None:
    found = ErrorOutlook(20_000, 500, 0.1, 0.0, standard_error)
    assert found.gain == pytest.approx(0.0005)
    assert found.is_enough == enough, "as it would be if the error were two standard errors higher"


def test_regret_says_what_thresholds_do_not() -> None:
    scores, truth = sample(1000)
    plain, more = error_outlook(scores, truth, 100_000), error_outlook(scores, truth, 100_000, regret=0.02)
    assert plain is not None
    assert more is not None
    assert more.error_after(0) == pytest.approx(plain.error_after(0))
    assert more.slope == pytest.approx(20)
    assert more.gain > plain.gain
    assert error_outlook(scores, truth, 100_000, regret=9.0).floor == 0  # type: ignore[union-attr]


def learning_curve(count: int, seed: int, size: int = 6_000) -> tuple[ErrorOutlook, float]:
    """Learn from `count` labels; give what is foretold of a hundred more that `plan` chooses, and their true gain."""
    rng = np.random.default_rng(seed)
    evidence = rng.normal(size=(size, 12))
    truth = (rng.random(size) < expit(evidence @ np.linspace(0.2, 1, 12) + 1)).astype(np.int64)
    seen = rng.choice(size, count, replace=False)

    def odds(rows: np.ndarray) -> np.ndarray:
        model = LogisticRegression(C=1.0).fit(evidence[rows], truth[rows])
        return np.asarray(model.decision_function(evidence))

    def error(rows: np.ndarray) -> float:
        wrong = (odds(rows) >= 0) != truth
        wrong[rows] = False
        return float(wrong.mean())

    scores = odds(seen)
    for fold in np.array_split(np.arange(count), 5):  # out of sample, as a verifier gives them
        scores[seen[fold]] = odds(np.delete(seen, fold))[seen[fold]]
    quality = expit(scores)
    known = np.full(size, -1)
    known[seen] = truth[seen]
    rest = np.flatnonzero(known < 0)
    removal = Removal.of(quality[rest], draw_sizes(quality, rest, seen), 0.2)
    regret = float(verdict_regret(quality, seen).mean())
    found = error_outlook(scores[seen], truth[seen], size, regret=regret, removal=removal)
    assert found is not None
    new = propose(quality, np.zeros(size, np.int64), known, 1, 100, random_state=seed).rows
    return found, error(seen) - error(np.append(seen, new))


@pytest.mark.parametrize("count", [100, 200, 400, 1600])
def test_what_is_foretold_is_what_a_learner_gains(count: int) -> None:
    found = [learning_curve(count, seed) for seed in range(6)]
    foretold, true = np.mean([one.gain for one, _ in found]), np.mean([gain for _, gain in found])
    assert 0.5 * true < foretold < 2 * true
    assert true > 0.001
    assert not any(one.is_enough for one, _ in found)


def test_stop_is_said_once_there_are_many_labels_among_many_more() -> None:
    found, _ = learning_curve(4000, 0, size=200_000)
    assert found.is_enough
