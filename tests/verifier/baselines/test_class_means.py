from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import InvalidInputError
from noisette.types import ArrayTable
from noisette.verifier.baselines.class_means import class_means, cosine_to_all, cosine_to_given, unit_rows


def test_means_are_those_of_a_slow_loop_in_any_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(50, 6)).astype(np.float32), rng.integers(0, 4, 50)
    monkeypatch.setattr("noisette.verifier.baselines.class_means.batch_rows", lambda _: 7)
    means = class_means(ArrayTable(features), labels, 4)
    for label in range(4):
        mean = sum(row.astype(np.float64) for row, given in zip(features, labels, strict=True) if given == label)
        np.testing.assert_allclose(means[label], mean / np.linalg.norm(mean), rtol=1e-6)


def test_a_class_without_samples_has_no_mean_and_cannot_win() -> None:
    means = class_means(ArrayTable(np.ones((2, 3))), np.array([0, 0]), 2)
    assert np.isnan(means[1]).all()
    assert cosine_to_all(np.ones((1, 3)), means).tolist() == [[pytest.approx(1.0), -np.inf]]


def test_unit_rows_of_odd_rows() -> None:
    rows = unit_rows(np.array([[0, 0], [3, 4], [1e30, 0], [np.nan, 1], [np.inf, 1]], dtype=np.float32))
    np.testing.assert_allclose(rows[:3], np.array([[0.0, 0.0], [0.6, 0.8], [1.0, 0.0]]), rtol=1e-6)
    assert np.isnan(rows[3:]).all()


def test_the_cosine_to_the_given_class_is_one_of_those_to_all() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(30, 5)).astype(np.float32), np.arange(30) % 3
    means = class_means(ArrayTable(features), labels, 3)
    all_of_them = cosine_to_all(features, means)
    np.testing.assert_allclose(cosine_to_given(features, labels, means), all_of_them[np.arange(30), labels], atol=1e-6)


def test_a_bad_row_is_named() -> None:
    features = np.ones((20, 3))
    features[13, 1] = np.nan
    with pytest.raises(InvalidInputError, match="row 13 has NaN or infinity"):
        class_means(ArrayTable(features), np.zeros(20, np.int64), 1)
