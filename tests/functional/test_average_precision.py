import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from noisette.functional.average_precision import ranking_precision


@given(
    st.integers(1, 30), st.integers(1, 6), st.integers(0, 1000), st.booleans(), st.booleans(),
    st.sampled_from([1, 7, 1000]),
)  # fmt: skip
def test_it_is_the_average_precision_of_scikit_learn_also_with_ties_and_weights(
    size: int, classes: int, seed: int, one_label: bool, weighted: bool, block: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, 8, (size, classes)) / 8).astype(np.float32)
    labels = rng.integers(0, classes, size) if one_label else rng.integers(0, 2, (size, classes))
    weight = rng.integers(0, 3, size) * rng.random(size) if weighted else None
    found = ranking_precision(scores, labels, weight, block=block)
    present = np.eye(classes)[labels] if one_label else labels
    pairs = np.repeat(np.ones(size) if weight is None else weight, classes)
    if not (present.ravel() * pairs).any():
        assert np.isnan(found)
    else:
        expected = average_precision_score(present.ravel(), scores.ravel(), sample_weight=pairs)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_it_is_that_counted_by_hand() -> None:
    scores = np.array([[0.9, 0.8], [0.7, 0.1]], np.float32)
    present = np.array([[1, 0], [1, 0]])
    assert ranking_precision(scores, present) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert ranking_precision(scores, present, np.array([3.0, 1.0])) == pytest.approx((3 * 1 + 4 / 7) / 4)


def test_where_nothing_is_present_it_is_not_defined() -> None:
    assert np.isnan(ranking_precision(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int64)))
    assert np.isnan(ranking_precision(np.zeros((1, 2), np.float32), np.array([0]), np.zeros(1)))
