"""Centres are means weighted by P(right class), and never contain the row that is compared with them."""

from __future__ import annotations

import numpy as np

from noisette.verifier.evidence.centers import center_evidence, class_centers

FOLDS = np.arange(20) % 5


def test_a_centre_is_the_direction_of_the_weighted_mean_of_the_other_folds() -> None:
    rng = np.random.default_rng(0)
    features, right = rng.normal(size=(20, 4)).astype(np.float32), rng.dirichlet(np.ones(3), 20)
    centers = class_centers(features, right, FOLDS)
    for fold in range(5):
        others = fold != FOLDS
        for label in range(3):
            mean = (right[others, label, None] * features[others]).sum(axis=0)
            np.testing.assert_allclose(centers[fold, label], mean / np.linalg.norm(mean), rtol=1e-3, atol=1e-5)


def test_a_row_that_is_all_of_its_class_is_not_near_itself() -> None:
    features, right = np.eye(20, dtype=np.float32), np.eye(20)
    cosine, _ = center_evidence(features, class_centers(features, right, FOLDS), FOLDS)
    np.testing.assert_allclose(np.diag(cosine), 0.0)


def test_margins_are_against_the_nearest_other_centre() -> None:
    centers = np.tile(np.eye(2, dtype=np.float32), (5, 1, 1))
    cosine, margin = center_evidence(np.array([[1.0, 0.0]], dtype=np.float32), centers, np.array([3]))
    assert cosine.tolist() == [[1.0, 0.0]]
    assert margin.tolist() == [[1.0, -1.0]]


def test_a_single_class_has_no_margin() -> None:
    ones = np.ones((5, 1, 1), dtype=np.float32)
    _, margin = center_evidence(np.ones((2, 1), dtype=np.float32), ones, np.array([0, 1]))
    assert margin.tolist() == [[0.0], [0.0]]
