from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.functional.noise import inject_label_noise, noise_transition


def test_each_class_gets_its_own_rate_and_its_own_mistakes() -> None:
    transition = noise_transition(4, [0.0, 0.1, 0.4, 1.0], confusable={1: [2], 2: [1, 3]})
    true = np.repeat(np.arange(4), 5000)
    given = inject_label_noise(true, transition, random_state=0)
    shares = np.array([np.bincount(given[true == c], minlength=4) / 5000 for c in range(4)])
    np.testing.assert_allclose(shares, transition, atol=4 * np.sqrt(0.25 / 5000))
    np.testing.assert_array_equal(shares[transition == 0], 0)
    np.testing.assert_array_equal(given[true == 0], 0)


def test_rows_sum_to_one_and_unnamed_classes_spread_over_all_others() -> None:
    transition = noise_transition(5, 0.3, confusable={0: [4], 1: []})
    np.testing.assert_allclose(transition.sum(axis=1), 1)
    np.testing.assert_allclose(np.diag(transition), 0.7)
    np.testing.assert_allclose(transition[1], [0.075, 0.7, 0.075, 0.075, 0.075])


def test_the_seed_decides_and_a_generator_moves_on() -> None:
    true = np.arange(100) % 7
    first = inject_label_noise(true, 0.5, random_state=3)
    np.testing.assert_array_equal(first, inject_label_noise(true, 0.5, random_state=3))
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(first, inject_label_noise(true, 0.5, random_state=rng))
    assert (first != inject_label_noise(true, 0.5, random_state=rng)).any()


def test_rounding_never_leads_outside_the_row() -> None:
    row = np.full(10, 0.1)
    row[9] = 0.0
    row[0] = 1.0 - row[1:].sum()
    given = inject_label_noise(np.zeros(20000, dtype=int), np.vstack([row, np.eye(10)[1:]]), random_state=0)
    assert given.max() == 8


@pytest.mark.parametrize("labels", [[], [0]])
def test_none_and_one(labels: list[int]) -> None:
    true = np.array(labels, dtype=np.int64)
    np.testing.assert_array_equal(inject_label_noise(true, 0.0), true)
    assert noise_transition(1, 0.0).tolist() == [[1.0]]


def test_bad_arguments_say_what_is_wrong() -> None:
    with pytest.raises(InvalidInputError, match=r"`rate` must lie in \[0, 1\], got 1.5"):
        noise_transition(3, 1.5)
    with pytest.raises(InvalidInputError, match="`rate` must lie in"):
        noise_transition(3, float("nan"))
    with pytest.raises(ShapeError, match=r"`rate` must be one number or have shape \(3,\)"):
        noise_transition(3, [0.1, 0.2])
    with pytest.raises(InvalidInputError, match="`num_classes` must be at least 2"):
        noise_transition(1, 0.1)
    with pytest.raises(UnknownClassError, match=r"`confusable` must name other classes in 0\.\.2, got 0 for class 0"):
        noise_transition(3, 0.1, confusable={0: [0]})
    with pytest.raises(ShapeError, match=r"`transition` must have shape \(K, K\), got \(1, 2\)"):
        inject_label_noise([0], [[0.5, 0.5]])
    with pytest.raises(InvalidInputError, match=r"row 1 is \[0.5, 0.4\]"):
        inject_label_noise([0], [[1, 0], [0.5, 0.4]])
    with pytest.raises(UnknownClassError, match="got 2 at position 0"):
        inject_label_noise([2], np.eye(2))
