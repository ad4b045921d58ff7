from __future__ import annotations

import sys

import numpy as np
import pytest

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.types import IntArray
from noisette.verifier.baselines.average import AverageVerifier
from noisette.verifier.interop import find_label_issues
from tests.contracts.verifier_problems import K, Problem, make_problem

COLUMNS = ["is_label_issue", "label_quality", "given_label", "suggested_label", "suggested_probability"]


@pytest.fixture
def problem() -> Problem:
    return make_problem(per_class=200, verified_classes=5)


def probabilities(problem: Problem) -> np.ndarray:
    """Give probabilities as a classifier of the user's would."""
    distances = ((problem.features[:, None] - class_means(problem)[None]) ** 2).sum(axis=2)
    chances = np.exp(-0.5 * (distances - distances.min(axis=1, keepdims=True)))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def class_means(problem: Problem) -> np.ndarray:
    return np.stack([problem.features[problem.truth == label].mean(axis=0) for label in range(K)])


def agreement(problem: Problem, issues: dict[str, np.ndarray]) -> float:
    wrong = problem.given != problem.truth
    return float((issues["is_label_issue"] == wrong).mean())


def test_features_alone(problem: Problem) -> None:
    issues = find_label_issues(problem.given, features=problem.features)
    assert list(issues) == COLUMNS
    assert {column.shape for column in issues.values()} == {problem.given.shape}
    assert agreement(problem, issues) > 0.9
    np.testing.assert_array_equal(issues["given_label"], problem.given)
    found = issues["is_label_issue"] & (problem.given != problem.truth)
    changed = found & (issues["suggested_label"] != problem.given)
    assert changed.sum() > 0.5 * found.sum()
    assert (issues["suggested_label"][changed] == problem.truth[changed]).mean() > 0.9
    assert issues["label_quality"][issues["is_label_issue"]].max() < 0.5


def test_probabilities_alone_and_both(problem: Problem) -> None:
    probs = probabilities(problem)
    for features in (None, problem.features):
        assert agreement(problem, find_label_issues(problem.given, features=features, pred_probs=probs)) > 0.9


def test_plain_lists_and_classes_that_no_label_names(problem: Problem) -> None:
    probs = np.column_stack([probabilities(problem), np.zeros(problem.given.size)])
    issues = find_label_issues(problem.given.tolist(), pred_probs=probs.tolist())
    assert agreement(problem, issues) > 0.9


def test_checked_labels_are_never_wasted(problem: Problem) -> None:
    unsure = np.where(problem.verified == -1, -1, problem.verified)
    issues = find_label_issues(
        problem.given, features=problem.features, verification_labels=unsure, correct_labels=problem.correct
    )
    right, wrong = problem.verified == 1, problem.verified == 0
    assert not issues["is_label_issue"][right].any()
    assert issues["is_label_issue"][wrong].all()
    np.testing.assert_array_equal(issues["suggested_label"][wrong], problem.truth[wrong])
    assert (issues["suggested_probability"][right | wrong] == 1).all()
    assert agreement(problem, issues) > 0.9


def test_any_verifier_may_be_named_or_given(problem: Problem) -> None:
    by_name = find_label_issues(
        problem.given, features=problem.features, verification_labels=problem.verified, verifier="average"
    )
    given = find_label_issues(
        problem.given, features=problem.features, verification_labels=problem.verified, verifier=AverageVerifier()
    )
    for name in COLUMNS:
        np.testing.assert_array_equal(by_name[name], given[name])


def test_a_verifier_without_probabilities_ranks_and_flags_nothing(problem: Problem) -> None:
    issues = find_label_issues(problem.given, features=problem.features, verifier="average")
    assert not issues["is_label_issue"].any()
    assert np.isnan(issues["label_quality"]).all()
    assert (issues["suggested_label"] == -1).all()


@pytest.mark.parametrize("labels", [["cat", "dog"], [0.5, 1.0], np.array(["a", None], dtype=object)])
def test_names_are_refused_with_the_way_to_ids(labels: list[object]) -> None:
    with pytest.raises(InvalidInputError, match=r"`labels` must hold class ids .*numpy.unique\(labels"):
        find_label_issues(labels, features=np.zeros((2, 3)))


def test_malformed_arguments(problem: Problem) -> None:
    with pytest.raises(InvalidInputError, match="give `features`, `pred_probs` or both"):
        find_label_issues(problem.given)
    with pytest.raises(ShapeError, match=r"`labels` must have shape \(N,\)"):
        find_label_issues(np.zeros((2, 2)), features=np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"`pred_probs` must have shape \(N, K\)"):
        find_label_issues([0, 1], pred_probs=[0.5, 0.5])
    with pytest.raises(UnknownClassError, match="`given_labels` must lie in"):
        find_label_issues(problem.given, pred_probs=probabilities(problem)[:, :3])
    with pytest.raises(InvalidInputError, match=r"must be a verifier or one of average, .*nonsense"):
        find_label_issues(problem.given, features=problem.features, verifier="nonsense")


def test_the_columns_of_cleanlab_read_on(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a cleanlab user writes after `CleanLearning.find_label_issues` works on our columns."""
    pytest.importorskip("cleanlab")
    pandas = pytest.importorskip("pandas")
    for module in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, module, None)
    from cleanlab.classification import CleanLearning
    from sklearn.linear_model import LogisticRegression

    theirs = CleanLearning(LogisticRegression(), seed=0).find_label_issues(problem.features, problem.given)
    ours = pandas.DataFrame(find_label_issues(problem.given, features=problem.features))
    # Theirs is called `predicted_label`; ours may say "none of the classes", and so is only suggested.
    assert {*theirs.columns} - {"predicted_label"} <= {*ours.columns}
    assert ours["is_label_issue"].dtype == theirs["is_label_issue"].dtype
    assert (ours["given_label"] == theirs["given_label"]).all()
    assert 0 <= ours["label_quality"].min() <= ours["label_quality"].max() <= 1

    def worst(issues: object) -> IntArray:
        flagged = issues[issues["is_label_issue"]]  # type: ignore[index]
        return np.asarray(flagged.sort_values("label_quality").index)[:20]

    is_wrong = problem.given != problem.truth
    assert worst(ours).size == 20
    assert is_wrong[worst(ours)].mean() >= max(0.9, is_wrong[worst(theirs)].mean())
