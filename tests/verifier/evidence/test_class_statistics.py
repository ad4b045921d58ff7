"""Copies are standardised by class, small classes lean on all, and weights fold without a difference."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.verifier.evidence.class_statistics import SHRINKAGE, class_statistics, class_weights, standardize


def test_large_classes_have_mean_0_and_deviation_1() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(20_000) % 2
    evidence = rng.normal(size=(20_000, 3)) * np.where(labels, 5.0, 1.0)[:, None] + labels[:, None]
    copies = standardize(evidence, labels, *class_statistics(evidence, labels, 2))
    for label in range(2):
        np.testing.assert_allclose(copies[labels == label].mean(axis=0), 0.0, atol=0.01)
        np.testing.assert_allclose(copies[labels == label].std(axis=0), 1.0, atol=0.05)


def test_a_class_leans_on_all_by_ten_imagined_samples() -> None:
    evidence, labels = np.array([[0.0], [2.0], [4.0]]), np.array([0, 0, 1])
    mean, deviation = class_statistics(evidence, labels, 3)
    overall, spread = 2.0, np.var([0.0, 2.0, 4.0])
    np.testing.assert_allclose(mean[:, 0], [(2 + 10 * overall) / 12, (4 + 10 * overall) / 11, overall])
    square = (4 + SHRINKAGE * spread) / 11 - (2 / 11) ** 2
    np.testing.assert_allclose(deviation[1:, 0], np.sqrt([square, spread]))


def test_evidence_that_never_differs_has_copies_of_zero() -> None:
    evidence, labels = np.ones((5, 1)), np.arange(5) % 2
    assert standardize(evidence, labels, *class_statistics(evidence, labels, 2)).tolist() == [[0.0]] * 5


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), num_classes=st.integers(1, 4))
def test_folded_weights_give_the_same_scores(seed: int, num_classes: int) -> None:
    rng = np.random.default_rng(seed)
    evidence, labels = rng.normal(size=(30, 4)), rng.integers(num_classes, size=30)
    copied = np.array([0, 2])
    mean, deviation = class_statistics(evidence[:, copied], labels, num_classes)
    weights, intercept = rng.random(6), float(rng.normal())
    copies = standardize(evidence[:, copied], labels, mean, deviation)
    expected = np.concatenate([evidence, copies], axis=1) @ weights + intercept
    each, intercepts = class_weights(weights, intercept, copied, mean, deviation)
    np.testing.assert_allclose(np.einsum("be,be->b", evidence, each[labels]) + intercepts[labels], expected)
