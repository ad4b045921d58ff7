from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from noisette.errors import InvalidInputError
from noisette.verifier.baselines.filtering import FilteringVerifier, log_ratios, margins
from noisette.verifier.baselines.linear_models import fit_linear_models, folds_of_hashes, linear_probabilities
from noisette.verifier.folds import row_hashes
from tests.contracts.verifier_problems import make_problem


def test_log_ratios_by_hand() -> None:
    found = np.exp(log_ratios(np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [1.0, 0.0, 0.0]])))
    expected = [[5 / 3, 3 / 5, 2 / 5], [1, 1, 1 / 2], [1e12, 1e-12, 1e-12]]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(log_ratios(np.ones((2, 1))), np.full((2, 1), np.log(1e12)))


def test_half_the_probability_is_a_draw() -> None:
    probs = np.array([[0.5, 0.5], [0.8, 0.2], [0.2, 0.8]])
    verifier = FilteringVerifier().fit(np.eye(3), [0, 0, 0], pred_probs=probs, class_names=["cat", "dog"])
    np.testing.assert_allclose(verifier.label_quality(np.eye(3), [0, 0, 0], pred_probs=probs), [0.5, 0.8, 0.2])


def test_given_probabilities_are_used_as_they_are() -> None:
    rng = np.random.default_rng(0)
    probs, labels = rng.dirichlet(np.ones(4), 60), np.arange(60) % 4
    verifier = FilteringVerifier().fit(rng.normal(size=(60, 3)), labels, pred_probs=probs)
    scores = verifier.score_samples(rng.normal(size=(60, 3)), labels, pred_probs=probs)
    for score, row, label in zip(scores, probs, labels, strict=True):
        assert score == pytest.approx(np.log(row[label] / np.delete(row, label).max()), rel=1e-5)
    np.testing.assert_array_equal(verifier.predict(np.ones((60, 3)), labels, pred_probs=probs), scores >= 0)
    quality = verifier.label_quality(np.ones((60, 3)), labels, pred_probs=probs)
    assert ((quality >= 0.5) == (scores >= 0)).all()


def test_fitted_with_probabilities_it_asks_for_them() -> None:
    verifier = FilteringVerifier().fit(np.eye(2), [0, 1], pred_probs=np.eye(2))
    with pytest.raises(InvalidInputError, match="`pred_probs` is needed: this FilteringVerifier was fitted with"):
        verifier.score_samples(np.eye(2), [0, 1])


@pytest.mark.parametrize("num_classes", [2, 6])
def test_every_row_is_scored_by_scikit_learn_fitted_on_the_other_folds(num_classes: int) -> None:
    problem = make_problem()
    features, labels = problem.features, problem.given % num_classes
    models = fit_linear_models(features, labels, num_classes, 0.1)
    found = linear_probabilities(features, row_hashes(features), models)
    folds = folds_of_hashes(row_hashes(features))
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    for fold in range(5):
        model = LogisticRegression(C=0.1, tol=1e-3, max_iter=200).fit(standard[folds != fold], labels[folds != fold])
        np.testing.assert_allclose(found[folds == fold], model.predict_proba(standard[folds == fold]), atol=1e-4)


def test_a_class_seen_once_is_not_known_to_the_model_that_scores_it() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(41, 3)).astype(np.float32), np.append(np.arange(40) % 2, 2)
    probs = linear_probabilities(features, row_hashes(features), fit_linear_models(features, labels, 3, 0.1))
    assert probs[40, 2] == 0
    np.testing.assert_allclose(probs.sum(axis=1), 1)


def test_a_penalty_must_be_positive() -> None:
    with pytest.raises(InvalidInputError, match="`inverse_penalty` must be above 0, got 0"):
        FilteringVerifier(inverse_penalty=0)


def test_a_margin_is_the_distance_to_the_best_other_value_of_the_row() -> None:
    values = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [-1.0, -4.0, -2.0]])
    np.testing.assert_allclose(margins(values), [[1, -2, -1], [0, 0, -1], [1, -3, -1]])
