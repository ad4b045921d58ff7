"""The evidence verifier as a whole; what all verifiers must do is in the contract suite."""

from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import InvalidInputError
from noisette.functional.detection_metrics import auroc
from noisette.types import IntArray, silent
from noisette.verifier.evidence import batch as batches
from noisette.verifier.evidence.context import index_of, make_context, stage_names, stage_of
from noisette.verifier.evidence.measures import COLUMNS, FAMILIES, class_evidence, label_evidence
from noisette.verifier.evidence.pairs import PairEvidence
from noisette.verifier.evidence.scorer import EvidenceScorer
from noisette.verifier.evidence.verifier import EvidenceVerifier
from noisette.verifier.inputs import Query, TrainingData, check_training_data
from tests.contracts.verifier_problems import K, Problem, make_problem


@pytest.fixture(scope="module")
def problem() -> Problem:
    return make_problem(per_class=120, verified_classes=5)


@pytest.fixture(scope="module")
def fitted(problem: Problem) -> EvidenceVerifier:
    return EvidenceVerifier().fit(problem.features, problem.given, problem.verified)


def training_data(problem: Problem, verified: IntArray | None = None) -> TrainingData:
    return check_training_data(problem.features, problem.given, verified, None, None, None)


def test_every_family_is_there_and_columns_have_names(problem: Problem, fitted: EvidenceVerifier) -> None:
    batch = batches.make_batch(Query(problem.features[:9], problem.given[:9]), index_of(fitted.context))
    assert label_evidence(batch, fitted.context).shape == (9, len(COLUMNS))
    assert [kind.shape for kind in class_evidence(batch, fitted.context)] == [(9, K)] * (len(COLUMNS) - 1)
    assert sorted(column for family in FAMILIES for column in family) == list(range(len(COLUMNS)))


def test_every_column_speaks_for_right_labels(problem: Problem, fitted: EvidenceVerifier) -> None:
    batch = batches.make_batch(Query(problem.features, problem.given), index_of(fitted.context))
    correct = (problem.given == problem.truth).astype(np.int64)
    for name, column in zip(COLUMNS, label_evidence(batch, fitted.context).T, strict=True):
        assert auroc(column, correct) > 0.65, name


def test_both_scores_at_once_are_the_scores_one_by_one(problem: Problem, fitted: EvidenceVerifier) -> None:
    query, scorer = Query(problem.features, problem.given), fitted.models.full
    scores, class_scores = scorer.score_both(query)
    np.testing.assert_array_equal(scores, scorer.score(query))
    np.testing.assert_array_equal(class_scores, scorer.score_classes(query))


def test_small_batches_give_the_same_scores(
    problem: Problem, fitted: EvidenceVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Query(problem.features, problem.given)
    expected = fitted.models.full.score(query)
    monkeypatch.setattr(batches, "MAX_NUMBERS", 64 * K)
    np.testing.assert_allclose(fitted.models.full.score(query), expected, rtol=1e-5, atol=1e-5)


def test_left_out_classes_choose_the_stage(problem: Problem) -> None:
    data = training_data(problem, problem.verified)
    context = make_context(data, inverse_penalty=None, max_rounds=5, seed=0, progress=silent)
    assert stage_names(context) == ["plain", "refined"]
    # Evidence that says the contrary of what it should: no left-out class is judged well by it.
    spoiled = {
        name: -array if name in ("refined/centers", "refined/weights") else array for name, array in context.items()
    }
    spoiled["refined/right"] = 1 - spoiled["refined/right"]
    verifier = EvidenceVerifier()
    verifier._prepare = lambda *_: dict(spoiled)  # type: ignore[method-assign]
    verifier.fit(problem.features, problem.given, problem.verified)
    np.testing.assert_array_equal(verifier.context["weights"], context["plain/weights"])


def test_without_verified_labels_the_refined_stage_ranks(problem: Problem) -> None:
    verifier = EvidenceVerifier().fit(problem.features, problem.given)
    correct = (problem.given == problem.truth).astype(np.int64)
    assert auroc(verifier.score_samples(problem.features, problem.given), correct) > 0.95
    assert "right" in verifier.context


def test_pair_evidence_is_that_of_the_pairs(problem: Problem) -> None:
    data = training_data(problem, problem.verified)
    context = make_context(data, inverse_penalty=0.1, max_rounds=0, seed=0, progress=silent)
    context = stage_of(context, "plain")
    pairs = data.pairs()
    found = PairEvidence(context, data)
    some = pairs.where(np.arange(len(pairs)) % 3 == 0)
    batch = batches.make_batch(Query(problem.features[some.rows], some.labels), index_of(context))
    np.testing.assert_allclose(found.of(some)[:, : len(COLUMNS)], label_evidence(batch, context), atol=1e-5)


def test_probabilities_are_given_both_times_or_never(problem: Problem, fitted: EvidenceVerifier) -> None:
    probs = np.full((problem.given.size, K), 1 / K)
    with pytest.raises(
        InvalidInputError, match="`pred_probs` must be left out: this EvidenceVerifier was fitted without"
    ):
        fitted.score_samples(problem.features, problem.given, pred_probs=probs)
    verifier = EvidenceVerifier().fit(problem.features, problem.given, problem.verified, pred_probs=probs)
    with pytest.raises(InvalidInputError, match="`pred_probs` is needed"):
        verifier.score_samples(problem.features, problem.given)


def test_the_threshold_is_where_the_calibrated_probability_is_a_half(fitted: EvidenceVerifier) -> None:
    assert fitted.rules.threshold is not None
    assert fitted.quality_of_scores(np.array([fitted.rules.threshold])) == pytest.approx(0.5)


def test_impossible_settings_are_named() -> None:
    for settings, message in (
        ({"penalty": 0.0}, "`penalty` must be above 0"),
        ({"inverse_penalty": -1.0}, "`inverse_penalty` must be above 0"),
        ({"max_rounds": -1}, "`max_rounds` must be 0 or more"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            EvidenceVerifier(**settings)


def test_scorers_are_plain_sums_of_evidence(problem: Problem, fitted: EvidenceVerifier) -> None:
    scorer = fitted.models.full
    assert isinstance(scorer, EvidenceScorer)
    batch = batches.make_batch(Query(problem.features[:5], problem.given[:5]), index_of(fitted.context))
    evidence = label_evidence(batch, fitted.context)
    expected = [
        evidence[i] @ scorer.class_weights[label] + scorer.intercepts[label]
        for i, label in enumerate(problem.given[:5])
    ]
    np.testing.assert_allclose(scorer.score(batch.query), expected)


def test_near_copies_with_the_same_wrong_label_do_not_vouch_for_each_other(problem: Problem) -> None:
    wrong = np.flatnonzero(problem.given != problem.truth)[:40]
    rng = np.random.default_rng(0)
    copies = problem.features[wrong] + 1e-3 * rng.normal(size=(wrong.size, problem.features.shape[1]))
    features = np.concatenate([problem.features, copies.astype(np.float32)])
    given = np.concatenate([problem.given, problem.given[wrong]])
    groups = np.full(given.size, -1)
    groups[wrong] = groups[problem.given.size :] = np.arange(wrong.size)
    found = []
    for known in (None, groups):
        data = check_training_data(features, given, None, None, None, None, known)
        context = make_context(data, inverse_penalty=None, max_rounds=0, seed=0, progress=silent)
        batch = batches.make_batch(Query(features[wrong], given[wrong]), index_of(context))
        found.append(label_evidence(batch, stage_of(context, "plain"))[:, COLUMNS.index("vote_share_10")])
    assert found[1].mean() < found[0].mean() - 0.1


def test_a_bank_of_few_rows_has_their_probabilities_alone(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make_context(training_data(problem), inverse_penalty=None, max_rounds=0, seed=0, progress=silent)
    monkeypatch.setattr("noisette.verifier.evidence.context.WHOLE_ROWS", 90)
    part = make_context(training_data(problem), inverse_penalty=None, max_rounds=0, seed=0, progress=silent)
    rows = index_of(part).rows
    assert rows.size == 90
    assert np.ptp(np.bincount(problem.given[rows], minlength=K)) <= 1
    np.testing.assert_array_equal(part["plain/right"], whole["plain/right"][rows])
    np.testing.assert_array_equal(part["plain/centers"], whole["plain/centers"])  # these are means over all rows
    verifier = EvidenceVerifier().fit(problem.features, problem.given, problem.verified)
    scores = verifier.score_samples(problem.features, problem.given)
    assert auroc(scores, (problem.given == problem.truth).astype(np.int64)) > 0.8


@pytest.mark.parametrize("per_class", [10, 20, 40])
def test_few_rows_and_no_checked_label_still_rank_wrong_labels_last(per_class: int) -> None:
    areas = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        truth = np.arange(6 * per_class) % 6
        centres = 2 * rng.normal(size=(6, 8))
        features = (centres[truth] + rng.normal(size=(truth.size, 8))).astype(np.float32)
        wrong = rng.random(truth.size) < 0.3
        given = np.where(wrong, (truth + rng.integers(1, 6, truth.size)) % 6, truth)
        found = EvidenceVerifier(random_state=0).fit(features, given)
        areas.append(auroc(found.score_samples(features, given), (~wrong).astype(np.int64)))
    assert min(areas) > 0.85
    assert np.mean(areas) > 0.94
