"""The learner never counts evidence against its direction, and starts from a prior that needs no label."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from noisette.types import Float64Array, IntArray
from noisette.verifier.evidence.learner import PRIOR_INTERCEPT, PRIOR_SLOPE, Population, fit_weights, prior_weights


def example(size: int, seed: int = 0) -> tuple[Float64Array, IntArray]:
    """Give evidence of three columns: one that tells, one that tells the contrary, one that is always 1."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(2, size=size)
    noise = rng.normal(size=(size, 2))
    return np.column_stack([targets + noise[:, 0], -targets + noise[:, 1], np.ones(size)]), targets


def population(evidence: Float64Array) -> Population:
    return Population.of(evidence, [[i] for i in range(evidence.shape[1])])


def test_weights_are_never_negative_and_useful_evidence_counts() -> None:
    evidence, targets = example(400)
    weights = fit_weights(evidence, targets, 1.0, population(evidence))
    assert weights[0] > 0.5
    assert weights[1:3].tolist() == [0.0, 0.0]


def test_the_unit_of_evidence_does_not_matter() -> None:
    evidence, targets = example(200, 1)
    other = 10 * evidence + 3
    one, ten = (fit_weights(found, targets, 1.0, population(found)) for found in (evidence, other))
    np.testing.assert_allclose(evidence @ one[:-1] + one[-1], other @ ten[:-1] + ten[-1], atol=1e-3)


def test_whole_weights_count_as_copies() -> None:
    evidence, targets = example(60, 2)
    copies = np.random.default_rng(3).integers(1, 4, size=60)
    spread = population(evidence)
    weighted = fit_weights(evidence, targets, 1.0, spread, copies.astype(np.float64))
    repeated = fit_weights(np.repeat(evidence, copies, axis=0), np.repeat(targets, copies), 1.0, spread)
    np.testing.assert_allclose(weighted, repeated, atol=1e-3)


def test_labels_that_weigh_nothing_leave_the_prior() -> None:
    evidence, targets = example(50)
    spread = population(evidence)
    np.testing.assert_allclose(
        fit_weights(evidence, targets, 1.0, spread, np.zeros(50)), prior_weights(spread), atol=1e-5
    )


def test_one_label_moves_the_prior_a_little_and_many_move_it_far() -> None:
    evidence, targets = example(2000)
    spread = population(evidence)
    start = prior_weights(spread)
    few, many = (fit_weights(evidence[:n], targets[:n], 3.0, spread) for n in (1, 2000))
    assert np.abs(few - start).max() < 0.3
    assert np.abs(many - start).max() > np.abs(few - start).max()


def test_before_any_label_every_family_has_one_vote() -> None:
    rng = np.random.default_rng(0)
    column = rng.normal(size=1000)
    evidence = np.column_stack([column, column, rng.normal(size=1000)])
    prior = Population.of(evidence, [[0, 1], [2]]).prior
    assert prior[0] == pytest.approx(prior[1])
    assert prior[0] + prior[1] == pytest.approx(prior[2])


def test_the_prior_says_73_percent_at_mean_evidence_and_two_log_odds_a_deviation() -> None:
    evidence = np.random.default_rng(0).normal(size=(5000, 3)) * [1.0, 2.0, 3.0] + 5
    weights = prior_weights(population(evidence))
    logits = evidence @ weights[:-1] + weights[-1]
    assert logits.mean() == pytest.approx(PRIOR_INTERCEPT)
    assert logits.std() == pytest.approx(PRIOR_SLOPE)
    assert expit(PRIOR_INTERCEPT) == pytest.approx(0.73, abs=0.002)


def test_a_column_more_starts_from_nothing() -> None:
    evidence, _ = example(50)
    wider = population(evidence).extended(1.0, 2.0)
    assert wider.prior[-1] == 0
    assert (wider.center[-1], wider.scale[-1]) == (1.0, 2.0)
