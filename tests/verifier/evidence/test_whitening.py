from __future__ import annotations

import numpy as np

from noisette.types import Float32Array
from noisette.verifier.evidence.whitening import SHRINKAGE, fit_whitening, whitened_rows


def rows(size: int = 400, num_features: int = 6) -> Float32Array:
    rng = np.random.default_rng(0)
    stretched = rng.normal(size=(size, num_features)) * 10.0 ** np.arange(num_features)[::-1]
    turn = np.linalg.qr(rng.normal(size=(num_features, num_features)))[0]
    return np.asarray(stretched @ turn / 1e3 + 5, dtype=np.float32)


def test_the_covariance_of_whitened_rows_is_that_of_the_formula() -> None:
    features = rows()
    found = fit_whitening(features)
    whitened = (features - found["whitening_mean"]).astype(np.float64) @ found["whitening"]
    values = np.linalg.eigvalsh(np.cov(features.astype(np.float64).T, bias=True))
    expected = np.diag(values / (values + SHRINKAGE * values.mean()))
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), expected, atol=2e-3)


def test_whitened_rows_have_length_one_and_no_mean() -> None:
    features = rows()
    whitened = whitened_rows(features, fit_whitening(features))
    np.testing.assert_allclose(np.linalg.norm(whitened, axis=1), 1.0, rtol=1e-5)
    assert np.abs(whitened.mean(axis=0)).max() < 0.1


def test_a_turn_of_the_features_changes_no_cosine() -> None:
    features = rows()
    turned = np.asarray(features @ np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0], dtype=np.float32)
    first, second = (whitened_rows(some, fit_whitening(some)) for some in (features, turned))
    np.testing.assert_allclose(first @ first.T, second @ second.T, atol=2e-3)


def test_rows_that_are_all_alike_one_row_and_more_columns_than_rows_do_no_harm() -> None:
    for features in (np.ones((5, 3), dtype=np.float32), rows(1), rows(3, 6)):
        assert np.isfinite(whitened_rows(features, fit_whitening(features))).all()
