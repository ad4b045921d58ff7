"""Margins compare each class with its own mean probability."""

from __future__ import annotations

import numpy as np
import pytest

from noisette.verifier.evidence.classifier import adjusted_margins, classifier_evidence, log_prior


def test_a_margin_is_the_log_ratio_of_lifts() -> None:
    probs, prior = np.array([[0.5, 0.3, 0.2]]), np.array([0.6, 0.3, 0.1])
    lifts = (probs / prior)[0]
    expected = [np.log(lift / max(np.delete(lifts, k))) for k, lift in enumerate(lifts)]
    np.testing.assert_allclose(adjusted_margins(np.log(probs), np.log(prior))[0], expected)


def test_a_class_that_draws_everything_to_itself_gains_nothing_by_it() -> None:
    probs = np.array([[0.6, 0.4], [0.8, 0.2]])
    first, second = adjusted_margins(np.log(probs), log_prior([np.log(probs)]))
    assert first[1] > 0 > first[0]
    assert second[0] > 0


def test_extremes_are_bounded_and_a_single_class_has_no_rival() -> None:
    log_probability, margin = classifier_evidence(np.log(np.array([[1.0, 1e-12]])), np.log(np.array([0.5, 0.5])))
    assert log_probability.tolist() == [[0.0, -12.0]]
    assert margin.tolist() == [[12.0, -12.0]]
    assert adjusted_margins(np.zeros((2, 1)), np.zeros(1)).tolist() == [[12.0], [12.0]]


def test_the_prior_is_the_log_of_the_mean_probability() -> None:
    blocks = [np.log(np.array([[0.9, 0.1]])), np.log(np.array([[0.5, 0.5], [0.7, 0.3]]))]
    assert log_prior(blocks) == pytest.approx(np.log([0.7, 0.3]))
