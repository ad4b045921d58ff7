import numpy as np
import pytest

from noisette.errors import InvalidInputError
from noisette.planning.outlook import ErrorOutlook, error_outlook


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
