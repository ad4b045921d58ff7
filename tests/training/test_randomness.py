import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noisette.training.randomness import derived_seed, own_randomness, scattered_seeds, seed_everything

Words = st.integers(0, 2**64 - 1)


@given(st.lists(Words, min_size=1, max_size=4), st.lists(Words, min_size=1, max_size=4))
def test_other_numbers_give_another_seed(first: list[int], second: list[int]) -> None:
    assert (derived_seed(*first) == derived_seed(*second)) == (first == second)


def test_zeros_at_the_end_and_large_numbers_give_another_seed() -> None:
    # numpy's SeedSequence alone does not tell these apart
    assert len({derived_seed(3, 1), derived_seed(3, 1, 0), derived_seed(3, 1, 0, 0)}) == 3
    assert derived_seed(1 << 32, 5) != derived_seed(0, 1, 5)


def test_a_seed_is_one_that_every_generator_takes() -> None:
    seed_everything_of = [derived_seed(0, number) for number in range(50)]
    assert all(0 <= seed < 2**63 for seed in seed_everything_of)
    with own_randomness():
        for seed in seed_everything_of:
            seed_everything(seed)


def test_seeds_of_samples_are_all_different_and_look_random() -> None:
    rows = np.arange(100_000)
    seeds = np.concatenate([scattered_seeds(seed, rows, rows[::-1]) for seed in (0, 1)])
    assert len(np.unique(seeds)) == len(seeds)
    assert seeds.min() >= 0
    bits = (seeds[:, None] >> np.arange(63)) & 1
    np.testing.assert_allclose(bits.mean(0), 0.5, atol=0.01)  # 9 standard deviations


def test_a_row_that_is_drawn_twice_has_two_seeds_in_any_epoch() -> None:
    rows, places = np.zeros(1000, np.int32), np.arange(1000)
    assert len(np.unique(scattered_seeds(7, rows, places))) == 1000


def test_seeds_do_not_depend_on_the_size_of_the_rows_type() -> None:
    rows = np.array([5, 2**31 - 1])
    np.testing.assert_array_equal(
        scattered_seeds(1, rows, np.arange(2)), scattered_seeds(1, rows.astype(np.int32), np.arange(2))
    )


def _draws() -> list[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(()))]  # noqa: NPY002


def test_the_same_seed_gives_the_same_draws_of_python_numpy_and_torch() -> None:
    found = []
    with own_randomness():
        for seed in (1, 2, 1):
            seed_everything(seed)
            found.append(_draws())
    assert found[0] == found[2]
    assert all(first != second for first, second in zip(found[0], found[1], strict=True))


def _draw_and_fail() -> None:
    with own_randomness():
        seed_everything(9)
        _draws()
        raise ZeroDivisionError


def test_an_error_inside_leaves_the_generators_as_they_were() -> None:
    with own_randomness():
        seed_everything(4)
        expected = _draws()
        seed_everything(4)
        with pytest.raises(ZeroDivisionError):
            _draw_and_fail()
        assert _draws() == expected
