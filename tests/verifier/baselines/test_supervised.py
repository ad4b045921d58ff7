from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC

from noisette.errors import InvalidInputError
from noisette.verifier.base import Verifier
from noisette.verifier.baselines.class_means import unit_rows
from noisette.verifier.baselines.knn import KNNVerifier
from noisette.verifier.baselines.label_propagation import LabelPropagationVerifier, LabelSpreadingVerifier
from noisette.verifier.baselines.mlp import MLPVerifier
from noisette.verifier.baselines.pooled_scale import pooled_scale
from noisette.verifier.baselines.row_samples import sample_rows
from noisette.verifier.baselines.supervised import BinaryExamples, SupervisedScorer
from noisette.verifier.baselines.svm import SVMVerifier
from noisette.verifier.folds import row_hashes
from tests.contracts.verifier_problems import Problem, make_problem


def examples(size: int = 40, unverified: int = 0, seed: int = 0) -> BinaryExamples:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(size + unverified, 5)).astype(np.float32)
    targets = np.concatenate([np.arange(size) % 2, np.full(unverified, -1)])
    return BinaryExamples(inputs, targets, row_hashes(inputs))


def full_model(verifier: Verifier) -> SupervisedScorer:
    assert isinstance(verifier.models.full, SupervisedScorer)
    return verifier.models.full


def fit(verifier: Verifier, problem: Problem, **options: Any) -> Verifier:
    return verifier.fit(problem.features, problem.given, problem.verified, **options)


def test_a_class_has_its_own_model_from_enough_labels_of_both_kinds() -> None:
    problem = make_problem(verified_classes=4)
    kinds = np.array([[((problem.given == c) & (problem.verified == t)).sum() for t in (0, 1)] for c in range(6)])
    least = int(np.sort(kinds[:4].min(axis=1))[1])
    model = full_model(fit(KNNVerifier(min_per_kind=least), problem))
    np.testing.assert_array_equal(model.has_own, (kinds >= least).all(axis=1))
    assert 0 < model.has_own.sum() < 4


def test_knn_is_the_share_among_the_nearest_by_hand() -> None:
    problem = make_problem(verified_classes=2)
    verifier = fit(KNNVerifier(num_neighbors=3), problem)
    unit = unit_rows(problem.features)
    query = np.flatnonzero((problem.given == 1) & (problem.verified < 0))[:5]
    known = np.flatnonzero((problem.given == 1) & (problem.verified >= 0))
    scores = verifier.score_samples(problem.features[query], problem.given[query])
    for row, score in zip(query, scores, strict=True):
        distance = np.linalg.norm(unit[known] - unit[row], axis=1)
        near = np.argsort(distance)[:3]
        assert score == pytest.approx(np.average(problem.verified[known[near]], weights=1 / distance[near]), rel=1e-3)


def test_svm_gives_the_decision_values_of_scikit_learn() -> None:
    data = examples()
    expected = SVC(gamma=1 / (5 * data.inputs.var())).fit(data.inputs, data.targets).decision_function(data.inputs)
    found = SVMVerifier()._fit_binary(data, 0)(data.inputs, data.hashes)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("make", [LabelPropagationVerifier, LabelSpreadingVerifier])
def test_a_node_of_the_graph_is_not_its_own_neighbour(make: Any) -> None:
    data = examples(unverified=20)
    model = make(num_neighbors=1)._fit_binary(data, 0)
    scores = model(data.inputs, data.hashes)
    for i in range(60):
        distance = np.linalg.norm(data.inputs - data.inputs[i], axis=1)
        distance[i] = np.inf
        assert scores[i] == pytest.approx(model.node_scores[distance.argmin()])


def test_copies_of_a_node_are_not_its_neighbours_either() -> None:
    once = examples(10)
    data = BinaryExamples(np.tile(once.inputs, (4, 1)), np.tile(once.targets, 4), np.tile(once.hashes, 4))
    scores = LabelPropagationVerifier(num_neighbors=1)._fit_binary(data, 0)(once.inputs, once.hashes)
    distance = np.linalg.norm(once.inputs[:, None] - once.inputs, axis=2) + np.diag(np.full(10, np.inf))
    np.testing.assert_array_equal(scores, once.targets[distance.argmin(axis=1)])


def test_a_lone_node_has_the_share_of_correct_labels() -> None:
    data = examples(2)
    only = BinaryExamples(data.inputs[[0, 0]], data.targets, data.hashes[[0, 0]])
    model = LabelSpreadingVerifier()._fit_binary(only, 0)
    np.testing.assert_array_equal(model(only.inputs, only.hashes), [0.5, 0.5])


def test_labels_flow_to_unverified_rows() -> None:
    line = np.linspace(0, 1, 40, dtype=np.float32)[:, None] * np.ones((1, 2), np.float32)
    inputs = np.concatenate([line, line + 5])
    targets = np.full(80, -1)
    targets[0], targets[79] = 1, 0
    data = BinaryExamples(inputs, targets, row_hashes(inputs))
    scores = LabelPropagationVerifier(num_neighbors=3)._fit_binary(data, 0)(inputs, data.hashes)
    assert (scores[:40] > 0.5).all()
    assert (scores[40:] < 0.5).all()


def test_the_pooled_model_keeps_both_kinds_of_labels() -> None:
    problem = make_problem(verified_classes=6)
    model = full_model(fit(KNNVerifier(min_per_kind=1000, max_pooled=10), problem))
    part = model._pooled_pairs(np.random.default_rng(0))
    assert len(part) == 10
    assert part.has_both_kinds


def test_equal_scores_of_both_kinds_of_models_mean_equal_chances() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=4000)
    targets = (rng.random(4000) < 1 / (1 + np.exp(-2 * scores))).astype(np.int64)
    slope, intercept = pooled_scale(scores[:2000], targets[:2000], scores[2000:] * 5 + 3, targets[2000:])
    assert slope == pytest.approx(1 / 5, rel=0.1)
    assert intercept == pytest.approx(-3 / 5, abs=0.1)


def test_own_scores_that_say_nothing_leave_the_pooled_ones_alone() -> None:
    targets = np.arange(100) % 2
    assert pooled_scale(np.zeros(100), targets, np.arange(100.0), targets).tolist() == [1, 0]


def test_one_threshold_serves_classes_with_and_without_labels() -> None:
    problem = make_problem(per_class=100, verified_classes=3)
    verifier = fit(SVMVerifier(), problem)
    assert verifier.context["pooled_scale"].tolist() != [1, 0]
    held_out = problem.given >= 3
    verdict = verifier.predict(problem.features[held_out], problem.given[held_out])
    target = problem.given[held_out] == problem.truth[held_out]
    assert (verdict == target).mean() > max(target.mean(), 0.8)


def test_right_classes_add_samples() -> None:
    problem = make_problem()
    plain, more = (
        full_model(fit(KNNVerifier(), problem, correct_labels=correct)) for correct in (None, problem.correct)
    )
    assert len(more.pairs) == len(plain.pairs) + (problem.verified == 0).sum()


def test_samples_of_rows_are_bounded_and_take_turns_among_classes() -> None:
    labels = np.repeat([0, 1, 2], [100, 3, 50])
    rng = np.random.default_rng(0)
    chosen = sample_rows(labels, 30, rng)
    assert np.bincount(labels[chosen]).tolist() in ([13, 3, 14], [14, 3, 13])
    assert (np.diff(chosen) > 0).all()
    assert sample_rows(labels, 1000, rng).size == 153
    assert np.bincount(labels[sample_rows(labels, 1000, rng, per_class=4)]).tolist() == [4, 3, 4]
    assert sample_rows(labels[:0], 10, rng).size == 0


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (KNNVerifier, {"num_neighbors": 0}, "`num_neighbors` must be at least 1, got 0"),
        (SVMVerifier, {"inverse_penalty": -1.0}, r"`inverse_penalty` must be above 0, got -1\.0"),
        (MLPVerifier, {"hidden_units": 0}, "`hidden_units` must be at least 1, got 0"),
        (MLPVerifier, {"max_epochs": 0}, "`max_epochs` must be at least 1, got 0"),
        (LabelSpreadingVerifier, {"alpha": 1.0}, r"`alpha` must lie between 0 and 1, got 1\.0"),
        (LabelPropagationVerifier, {"min_per_kind": 0}, "`min_per_kind` must be at least 1, got 0"),
        (KNNVerifier, {"max_pooled": 1}, "`max_pooled` must be at least 2, got 1"),
    ],
)
def test_settings_out_of_range(make: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make(**settings)
