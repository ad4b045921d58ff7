from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import NotVerifiedError
from noisette.verifier.baselines.average import AverageVerifier
from noisette.verifier.baselines.naive import NaiveVerifier
from tests.contracts.verifier_problems import make_problem


def test_scores_are_cosines_to_the_mean_of_the_class() -> None:
    problem = make_problem()
    verifier = AverageVerifier().fit(problem.features, problem.given, problem.verified)
    scores = verifier.score_samples(problem.features, problem.given)
    for row in range(0, 240, 17):
        mean = problem.features[problem.given == problem.given[row]].mean(axis=0)
        expected = problem.features[row] @ mean / np.linalg.norm(problem.features[row]) / np.linalg.norm(mean)
        assert scores[row] == pytest.approx(expected, abs=1e-5)


def test_without_verification_labels_it_ranks_and_says_what_a_verdict_needs() -> None:
    problem = make_problem()
    verifier = AverageVerifier().fit(problem.features, problem.given)
    verifier.score_samples(problem.features, problem.given)
    with pytest.raises(NotVerifiedError, match=r"a verdict needs a threshold, .* verify some"):
        verifier.predict(problem.features, problem.given)


def test_naive_calls_everything_correct_whatever_was_verified() -> None:
    problem = make_problem()
    mostly_wrong = np.where(problem.verified >= 0, 0, -1)
    mostly_wrong[np.flatnonzero(mostly_wrong == 0)[0]] = 1
    verifier = NaiveVerifier().fit(problem.features, problem.given, mostly_wrong)
    assert verifier.predict(problem.features, problem.given).all()
    assert verifier.label_quality(problem.features, problem.given).max() < 0.1
