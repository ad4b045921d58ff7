"""Centres are means weighted by P(right class)."""

from __future__ import annotations

import numpy as np

from noisette.verifier.evidence.centers import center_evidence, class_centers


def test_a_centre_is_the_direction_of_the_weighted_mean() -> None:
    rng = np.random.default_rng(0)
    features, right = rng.normal(size=(20, 4)).astype(np.float32), rng.dirichlet(np.ones(3), 20)
    for label, center in enumerate(class_centers(features, right)):
        mean = (right[:, label, None] * features).sum(axis=0)
        np.testing.assert_allclose(center, mean / np.linalg.norm(mean), rtol=1e-4)


def test_margins_are_against_the_nearest_other_centre() -> None:
    cosine, margin = center_evidence(np.array([[1.0, 0.0]], dtype=np.float32), np.eye(2, dtype=np.float32))
    assert cosine.tolist() == [[1.0, 0.0]]
    assert margin.tolist() == [[1.0, -1.0]]


def test_a_single_class_has_no_margin() -> None:
    _, margin = center_evidence(np.ones((2, 1), dtype=np.float32), np.ones((1, 1), dtype=np.float32))
    assert margin.tolist() == [[0.0], [0.0]]
