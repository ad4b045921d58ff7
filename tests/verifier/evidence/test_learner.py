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
