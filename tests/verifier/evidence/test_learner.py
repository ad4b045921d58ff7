"""The learner never counts evidence against its direction."""

from __future__ import annotations

import numpy as np

from noisette.verifier.evidence.learner import fit_weights


def test_weights_are_never_negative_and_useful_evidence_counts() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(2, size=400)
    evidence = np.column_stack([targets + rng.normal(size=400), -targets + rng.normal(size=400), np.ones(400)])
    weights, _ = fit_weights(evidence, targets, 1.0)
    assert weights[0] > 0.5
    assert weights[1:].tolist() == [0.0, 0.0]


def test_the_unit_of_evidence_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(2, size=200)
    evidence = (targets + rng.normal(size=200))[:, None]
    (one,), first = fit_weights(evidence, targets, 1.0)
    (ten,), second = fit_weights(10 * evidence + 3, targets, 1.0)
    np.testing.assert_allclose(one * evidence + first, ten * (10 * evidence + 3) + second, atol=1e-3)


def test_whole_weights_count_as_copies() -> None:
    rng = np.random.default_rng(2)
    targets = rng.integers(2, size=60)
    evidence = (targets + rng.normal(size=60))[:, None]
    copies = rng.integers(1, 4, size=60)
    weighted = fit_weights(evidence, targets, 1.0, scale=np.ones(1), sample_weight=copies.astype(float))
    repeated = fit_weights(np.repeat(evidence, copies, axis=0), np.repeat(targets, copies), 1.0, scale=np.ones(1))
    np.testing.assert_allclose(weighted[0], repeated[0], atol=1e-3)
    np.testing.assert_allclose(weighted[1], repeated[1], atol=1e-3)


def test_evidence_without_spread_in_the_population_is_left_out() -> None:
    targets = np.arange(40) % 2
    weights, _ = fit_weights(
        np.column_stack([targets, targets]).astype(np.float64), targets, 1.0, scale=np.array([1.0, 0.0])
    )
    assert weights[0] > 0
    assert weights[1] == 0
