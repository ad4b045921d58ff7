from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.types import Float64Array
from noisette.verifier.base import Verifier
from noisette.verifier.inputs import Query, TrainingData, VerifiedPairs
from noisette.verifier.scorer import Arrays, ConstantScorer, Scorer
from tests.contracts.verifier_problems import D, K, make_problem


class Memory(Scorer):
    """Scores a row 1 if it learned that the label is correct, -1 if it learned that it is not, else 0."""

    def __init__(self, known: dict[tuple[bytes, int], int]) -> None:
        self.known = known

    def score(self, query: Query) -> Float64Array:
        keys = [(row.tobytes(), int(label)) for row, label in zip(query.features, query.given_labels, strict=True)]
        return np.array([{1: 1.0, 0: -1.0}.get(self.known.get(key, -1), 0.0) for key in keys])

    def score_classes(self, query: Query) -> Float64Array:
        return np.zeros((query.given_labels.size, K))

    def to_arrays(self) -> Arrays:
        return {}


class Memorizer(Verifier):
    """The leakiest of all methods: what it gives away was given to it."""

    name: ClassVar[str] = "memorizer"

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:  # noqa: ARG002
        rows = data.table.take(pairs.rows)
        triples = zip(rows, pairs.labels, pairs.targets, strict=True)
        return Memory({(row.tobytes(), int(label)): int(target) for row, label, target in triples})

    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:
        raise NotImplementedError


class Leaveless(Memorizer):
    leave_classes_out: ClassVar[bool] = False


@pytest.mark.parametrize("make", [Memorizer, Leaveless])
@pytest.mark.parametrize("verified_classes", [2, 6])
def test_no_row_is_scored_by_a_model_that_saw_its_label(make: type[Verifier], verified_classes: int) -> None:
    problem = make_problem(verified_classes=verified_classes)
    verifier = make().fit(problem.features, problem.given, problem.verified, correct_labels=problem.correct)
    assert (verifier.score_samples(problem.features, problem.given) == 0).all()
    right = np.flatnonzero(problem.correct >= 0)  # nor by one that saw its right class
    assert (verifier.score_samples(problem.features[right], problem.correct[right]) == 0).all()


def test_a_memorizer_would_be_found_out() -> None:
    problem = make_problem()
    verifier = Memorizer().fit(problem.features, problem.given, problem.verified)
    rows = problem.verified >= 0
    scores = verifier.models.full.score(Query(problem.features[rows], problem.given[rows]))
    np.testing.assert_array_equal(scores, problem.verified[rows] * 2 - 1)


def test_labels_of_one_kind_make_a_constant() -> None:
    problem = make_problem()
    verifier = Memorizer().fit(problem.features, problem.given, np.where(problem.verified == 1, 1, -1))
    assert isinstance(verifier.models.full, ConstantScorer)
    assert (verifier.score_samples(problem.features, problem.given) == 1).all()


def test_methods_that_learn_from_labels_need_some() -> None:
    verifier = Memorizer().fit(np.ones((2, D)), [0, 1])
    with pytest.raises(
        NotVerifiedError, match=r"Memorizer needs verification labels .* \(evidence, average, filtering, drae\)"
    ):
        verifier.score_samples(np.ones((2, D)), [0, 1])
    with pytest.raises(
        NotVerifiedError,
        match=r"Memorizer needs verification labels of both kinds, .* to turn scores into probabilities",
    ):
        verifier.quality_of_scores(np.zeros(2))
    with pytest.raises(NotVerifiedError, match="a verdict needs a threshold"):
        verifier.verdict_of_scores(np.zeros(2))


def test_a_score_that_is_not_a_number_is_an_error_even_with_finite_features(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = make_problem()
    verifier = Memorizer().fit(problem.features, problem.given, problem.verified)
    monkeypatch.setattr(Memory, "score", lambda _, query: np.full(query.given_labels.size, np.nan))
    with pytest.raises(InvalidInputError, match=r"got a row \[.*\]\.\.\. whose score is NaN"):
        verifier.score_samples(problem.features, problem.given)


def test_scores_come_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = make_problem()
    verifier = Memorizer().fit(problem.features, problem.given, problem.verified)
    monkeypatch.setattr("noisette.verifier.inputs.batch_rows", lambda _: 100)
    sizes = [[part.size for part in parts] for parts in verifier.iter_scores(problem.features, problem.given)]
    assert sizes == [[100] * 3, [100] * 3, [40] * 3]


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, told = make_problem(), list[tuple[Any, ...]]()
    verifier = Memorizer(progress=lambda *what: told.append(what))
    verifier.fit(problem.features, problem.given, problem.verified)
    assert told[-1] == ("fit", 6, 6)
    monkeypatch.setattr("noisette.verifier.inputs.batch_rows", lambda _: 100)
    told.clear()
    verifier.score_samples(problem.features, problem.given)
    assert told == [("score", 100, 240), ("score", 200, 240), ("score", 240, 240)]


def test_progress_may_stop_the_work() -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    problem = make_problem()
    with pytest.raises(KeyboardInterrupt):
        Memorizer(progress=stop).fit(problem.features, problem.given, problem.verified)


def test_a_generator_may_stand_in_for_a_seed() -> None:
    problem = make_problem(verified_classes=2)
    folds = []
    for state in (7, np.random.default_rng(7), np.random.default_rng(8)):
        verifier = Memorizer(random_state=state).fit(problem.features, problem.given, problem.verified)
        folds.append(verifier.models.plan.folds_of(problem.features))
    np.testing.assert_array_equal(folds[0], folds[1])
    assert (folds[0] != folds[2]).any()


def test_a_constant_is_told_from_rows_that_are_not_finite() -> None:
    scorer = ConstantScorer(0.25, np.array([3, 0]))
    query = Query(np.array([[1.0, 2.0], [np.nan, 0.0]], dtype=np.float32), np.array([0, 0]))
    np.testing.assert_array_equal(scorer.score(query), [0.25, np.nan])
    np.testing.assert_array_equal(scorer.score_classes(query), [[0.25, -np.inf]] * 2)


class Likeness(Memorizer):
    """Knows a row by its first numbers: a near copy gives the label away unless its fold is the same."""

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:  # noqa: ARG002
        rows = data.table.take(pairs.rows)[:, :4]
        return Glance({row.tobytes() for row in rows})


class Glance(Memory):
    def __init__(self, seen: set[bytes]) -> None:
        super().__init__({})
        self.seen = seen

    def score(self, query: Query) -> Float64Array:
        return np.array([float(row.tobytes() in self.seen) for row in query.features[:, :4]])


@pytest.mark.parametrize("verified_classes", [2, 6])
def test_no_row_is_scored_by_a_model_that_saw_a_near_copy_named_in_duplicate_groups(verified_classes: int) -> None:
    problem = make_problem(verified_classes=verified_classes)
    size = problem.given.size
    near = problem.features.copy()
    near[:, -1] += 0.01
    features = np.concatenate([problem.features, near])
    given = np.concatenate([problem.given, (problem.given + 1) % verified_classes])  # the copy carries another label
    verified = np.concatenate([problem.verified, problem.verified])
    groups = np.tile(np.arange(size), 2)
    is_verified = verified >= 0
    query = features[is_verified], given[is_verified]
    kept = Likeness().fit(features, given, verified, duplicate_groups=groups).score_samples(*query)
    assert (kept == 0).all()
    assert (Likeness().fit(features, given, verified).score_samples(*query) == 1).any()
