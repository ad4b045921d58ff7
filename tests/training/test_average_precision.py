import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisette.errors import InvalidInputError
from noisette.functional.class_metrics import global_average_precision
from noisette.training.average_precision import blockwise_average_precision


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 1000), st.booleans(), st.sampled_from([1, 7, 1000]))
def test_it_is_the_average_precision_of_scikit_learn_also_with_ties(
    size: int, classes: int, seed: int, one_label: bool, block: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, 8, (size, classes)) / 8).astype(np.float32)
    labels = rng.integers(0, classes, size) if one_label else rng.integers(0, 2, (size, classes))
    found = blockwise_average_precision(scores, labels, block=block)
    np.testing.assert_allclose(found, global_average_precision(scores, labels), rtol=1e-9)


def test_it_is_that_counted_by_hand() -> None:
    scores = np.array([[0.9, 0.8], [0.7, 0.1]], np.float32)
    found = blockwise_average_precision(scores, np.array([[1, 0], [1, 0]], np.float32))
    assert found == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_where_nothing_is_present_it_is_not_defined() -> None:
    assert np.isnan(blockwise_average_precision(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int64)))


def test_labels_between_absent_and_present_are_an_error() -> None:
    with pytest.raises(InvalidInputError, match="must be 0 or 1"):
        blockwise_average_precision(np.zeros((1, 2), np.float32), np.array([[0.5, 1.0]], np.float32))
