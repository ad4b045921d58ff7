"""Five regressions at once are the five regressions that scikit-learn fits one by one."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from noisette.verifier.evidence.softmax_regressions import PATH, SoftmaxRegressions, learning_rows


def problem(size: int = 400, noise: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=size)
    features = (np.eye(3, 6)[truth] * 2 + rng.normal(size=(size, 6))).astype(np.float32)
    return features, np.where(rng.random(size) < noise, rng.integers(3, size=size), truth)


def test_held_out_probabilities_are_those_of_scikit_learn() -> None:
    features, labels = problem()
    folds = np.arange(400) % 5
    regressions = SoftmaxRegressions(features, folds, 3)
    solution = regressions.solve(np.eye(3, dtype=np.float32)[labels], 0.01, 300)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    for fold in range(5):
        # Its penalty grows with the rows that are seen; ours is set once for all rows.
        rival = LogisticRegression(C=0.01 * 400 / 320, tol=1e-8, max_iter=1000)
        rival.fit(standard[folds != fold], labels[folds != fold])
        expected = rival.predict_log_proba(standard[folds == fold])
        np.testing.assert_allclose(regressions.held_out(solution)[folds == fold], expected, atol=2e-3)


def test_raw_weights_give_the_same_probabilities() -> None:
    features, labels = problem()
    folds = np.arange(400) % 5
    regressions = SoftmaxRegressions(features, folds, 3)
    solution = regressions.solve(np.eye(3, dtype=np.float32)[labels], 0.1, 50)
    raw = regressions.raw(solution)
    logits = np.einsum("nd,nkd->nk", features, raw["weights"][folds]) + raw["intercepts"][folds]
    np.testing.assert_allclose(log_softmax(logits, axis=1), regressions.held_out(solution), atol=1e-4)


def test_fewer_rows_and_more_noise_ask_for_a_stronger_penalty() -> None:
    def best(size: int, noise: float) -> float:
        features, labels = problem(size, noise)
        targets = np.eye(3, dtype=np.float32)[labels]
        return SoftmaxRegressions(features, np.arange(size) % 5, 3).find_penalty(targets, labels)

    # `C` of a sum over the rows: the penalty a row is 1 / (C N).
    assert best(4000, 0.2) * 4000 > best(100, 0.2) * 100
    assert best(400, 0.0) > best(400, 0.8)


def test_one_fold_alone_gives_a_penalty_too() -> None:
    features, labels = problem(20)
    targets = np.eye(3, dtype=np.float32)[labels]
    found = SoftmaxRegressions(features, np.zeros(20, dtype=np.int64), 3).find_penalty(targets, labels)
    assert PATH[0] <= found <= PATH[-1]


def test_no_regression_learns_from_a_duplicate_of_what_it_judges() -> None:
    folds, groups = np.array([0, 1, 2, 2, 3]), np.array([7, 7, -1, 9, 9])
    learns = learning_rows(folds, groups)
    for row, fold in enumerate(folds):
        same = [other for other in range(5) if other == row or (groups[row] >= 0 and groups[other] == groups[row])]
        assert not learns[same, fold].any()
        others = [other for other in range(5) if other not in same]
        assert learns[others, fold].sum() >= 1
    np.testing.assert_array_equal(learns[2], [True, True, False, True, True])


def test_a_duplicate_under_another_label_changes_nothing_about_its_twin() -> None:
    features, labels = problem(300)
    features[1] = features[0] + np.float32(1e-4)
    folds, groups = np.arange(300) % 5, np.where(np.arange(300) < 2, 0, -1)

    def judged(label: int, groups: np.ndarray | None) -> np.ndarray:
        given = labels.copy()
        given[1] = label
        regressions = SoftmaxRegressions(features, folds, 3, learning_rows(folds, groups))
        solution = regressions.solve(np.eye(3, dtype=np.float32)[given], 0.1, 500)
        return np.asarray(regressions.held_out(solution)[0])

    assert np.abs(judged(0, None) - judged(2, None)).max() > 0.03
    np.testing.assert_allclose(judged(0, groups), judged(2, groups), atol=2e-3)


def test_a_chance_decline_among_the_strongest_penalties_does_not_end_the_path() -> None:
    """Clouds far apart, few rows: where a class is short in the fold kept out, strong penalties first get worse."""
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        labels = np.arange(60) % 6
        features = (2 * rng.normal(size=(6, 8))[labels] + rng.normal(size=(60, 8))).astype(np.float32)
        problem = SoftmaxRegressions(features, rng.integers(0, 5, 60), 6)
        found.append(problem.find_penalty(np.eye(6, dtype=np.float32)[labels], labels))
    assert min(found) >= 1e-2
