import numpy as np
import pytest

from noisette.planning.removal import Removal


def by_drawing(quality: np.ndarray, sizes: np.ndarray, audit_share: float, more: int) -> float:
    """Draw one label after the other, by size, and count the wrong verdicts that are left."""
    rng = np.random.default_rng(0)
    doubts = np.minimum(quality, 1 - quality)
    mixed = audit_share + (1 - audit_share) * sizes / sizes.mean()
    left = []
    for _ in range(300):
        order = np.argsort(rng.exponential(size=quality.size) / mixed)  # the order of successive draws by size
        left.append(doubts[order[more:]].sum() / doubts.sum())
    return float(np.mean(left))


@pytest.mark.parametrize("more", [1, 50, 150, 299])
def test_what_is_left_is_that_of_draws_one_after_the_other(more: int) -> None:
    rng = np.random.default_rng(1)
    quality = rng.beta(2, 0.7, 300)
    sizes = (quality * (1 - quality)) ** 2 + 0.01
    found = Removal.of(quality, sizes, 0.2).left_after(more)
    assert found == pytest.approx(by_drawing(quality, sizes, 0.2, more), abs=0.01)


def test_nothing_checked_leaves_all_and_everything_checked_nothing() -> None:
    removal = Removal.of(np.array([0.1, 0.5, 0.9]), np.array([1.0, 2.0, 1.0]), 0.2)
    assert removal.left_after(0) == 1.0
    assert removal.left_after(3) == removal.left_after(7) == 0.0
    assert 0 < removal.left_after(2) < removal.left_after(1) < 1


def test_random_labels_take_their_share() -> None:
    quality = np.linspace(0, 1, 40)
    assert Removal.of(quality, quality + 0.1, 1.0).left_after(10) == pytest.approx(0.75)


def test_without_doubts_or_labels_there_are_numbers() -> None:
    assert Removal.of(np.array([0.0, 1.0]), np.ones(2), 0.2).left_after(1) == 0.5
    assert Removal.of(np.empty(0), np.empty(0), 0.2).left_after(0) == 0.0


def test_many_labels_go_into_groups() -> None:
    quality = np.random.default_rng(0).beta(2, 0.7, 200_000)
    sizes = quality * (1 - quality) + 0.01
    removal = Removal.of(quality, sizes, 0.2)
    assert removal.sizes.size == 500
    assert removal.left_after(1000) == pytest.approx(1 - 1000 * 2.0 / 200_000, abs=0.004)
