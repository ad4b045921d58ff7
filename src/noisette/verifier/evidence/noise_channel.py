"""A cross-fitted classifier behind a noise channel: what the right classes are, if labels were confused at random.

p(given = j | x) = sum_k p(k | x) C[k, j]: the classifier and the confusion rates C are fitted in turns, the right
classes being the hidden variable (Dawid and Skene, 1979; for classifiers Patrini et al., 2017). No verification label
takes part. A row is always judged by a model that was not fitted on it; but from the first round on its given label has
a say in what other rows are taken for, so rounds end by the labels of rows that take no part in any.
"""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from noisette.types import BoolArray, Float32Array, Float64Array, IntArray, Progress, silent
from noisette.verifier.evidence.softmax_regressions import SoftmaxRegressions
from noisette.verifier.scorer import Arrays

FIRST_STEPS, MORE_STEPS = 30, 12
LEAST_GAIN = 5e-4
"""Log-likelihood a row that a round must gain on labels it has not seen."""
MIN_ROWS = 50
"""Rows a class, on average, below which no round is taken: classes of a few rows run into each other."""
RIGHT_ROWS = 5.0
"""Rows a class that count as rightly labelled beforehand. Without them, where classifiers know nothing, labels would be
taken for wrong: a row's own class is the rarer among the rows that its classifier saw."""
PATIENCE = 2
"""Rounds in a row without that gain after which it is over."""


def fit_noise_channel(
    features: Float32Array,
    labels: IntArray,
    folds: IntArray,
    num_classes: int,
    *,
    learns: BoolArray | None = None,
    inverse_penalty: float | None = None,
    max_rounds: int = 14,
    progress: Progress = silent,
) -> dict[str, Arrays]:
    """Fit the classifiers of all folds and the channel: on the given labels, and refined in rounds.

    Args:
        features: (N, D), finite.
        labels: (N,) given class ids.
        folds: (N,) fold of each row, 0..4.
        num_classes: K.
        learns: (N, 5) which models learn from each row, from `learning_rows`; None = all but that of its fold.
        inverse_penalty: `C` of scikit-learn's logistic regression on features of variance 1; None = the one by which
            unseen given labels are likeliest.
        max_rounds: rounds at most; they end where that likelihood, behind the channel, stops rising; 0 = none.
        progress: called as ``progress("classifier", rounds done, 2 max_rounds)``: how many rounds help is tried first.

    Returns:
        Stages by name: "plain", and "refined" after rounds; each with "weights" (5, K, D), "intercepts"
        (5, K), "channel" (K, K) = P(given | right class), and "right" (N, K), the probabilities of the right classes;
        all float32.
    """
    problem = SoftmaxRegressions(features, folds, num_classes, learns)
    given = np.eye(num_classes, dtype=np.float32)[labels]
    if inverse_penalty is None:
        inverse_penalty = problem.find_penalty(given, labels)
    plain = problem.solve(given, inverse_penalty, FIRST_STEPS)
    stages = {"plain": _stage(problem, plain, labels)}
    rounds = _best_rounds(problem, given, labels, inverse_penalty, max_rounds, progress)
    solution = plain
    for turn in range(rounds):
        progress("classifier", max_rounds + turn, 2 * max_rounds)
        solution = _round(problem, solution, labels, inverse_penalty)
    progress("classifier", 2 * max_rounds, 2 * max_rounds)
    return stages if rounds == 0 else stages | {"refined": _stage(problem, solution, labels)}


def _round(
    problem: SoftmaxRegressions, solution: Float64Array, labels: IntArray, inverse_penalty: float
) -> Float64Array:
    """Fit the classifiers to the probabilities of the right classes, as judged by the classifiers so far."""
    right, _ = right_classes(problem.held_out(solution), labels)
    return problem.solve(right.astype(np.float32), inverse_penalty, MORE_STEPS, solution)


def _best_rounds(
    problem: SoftmaxRegressions,
    given: Float32Array,
    labels: IntArray,
    inverse_penalty: float,
    max_rounds: int,
    progress: Progress,
) -> int:
    """Say after which round given labels are likeliest that took no part in any: those of one fold, kept out.

    Rounds are compared with each other, not with the fit before them: a classifier alone is fitted to predict labels,
    wrong ones included, so one behind a channel predicts them less well at first even where it judges them better.
    """
    unseen = np.flatnonzero(problem.folds == np.bincount(problem.folds).argmax())
    trial = problem.without(unseen)
    if max_rounds == 0 or not trial.learns.any() or labels.size < MIN_ROWS * np.unique(labels).size:
        return 0
    solution = trial.solve(given, inverse_penalty, FIRST_STEPS)
    best, fit = 0, -np.inf
    for turn in range(1, max_rounds + 1):
        progress("classifier", turn - 1, 2 * max_rounds)
        solution = _round(trial, solution, labels, inverse_penalty)
        found = _likelihood(trial.held_out(solution), labels, unseen)
        if found >= fit + LEAST_GAIN:
            best, fit = turn, found
        elif turn >= best + PATIENCE:
            break
    return best


def right_classes(logs: Float64Array, labels: IntArray, rounds: int = 5) -> tuple[Float64Array, Float64Array]:
    """Give P(right class) (N, K) and the channel (K, K), from log-probabilities (N, K) and given labels (N,)."""
    num_classes = logs.shape[1]
    given = np.zeros((labels.size, num_classes))
    given[np.arange(labels.size), labels] = 1.0
    right: Float64Array = softmax(logs, axis=1)
    channel = np.eye(num_classes)
    for _ in range(rounds):
        counts = right.T @ given + 1.0 / num_classes + RIGHT_ROWS * np.eye(num_classes)
        channel = counts / counts.sum(axis=1, keepdims=True)
        right = softmax(logs + np.log(channel[:, labels]).T, axis=1)
    return right, channel


def channel_ratios(logs: Float64Array, labels: IntArray, channel: Float64Array) -> Float64Array:
    """Give (B,) log P(the label is the right class) over that of its best rival, both given that label."""
    joint = logs + np.log(channel[:, labels]).T
    rows = np.arange(labels.size)
    own = joint[rows, labels]
    joint[rows, labels] = -np.inf
    rival = joint.max(axis=1) if joint.shape[1] > 1 else own - 1.0
    ratios: Float64Array = np.clip(own - rival, -30.0, 30.0)
    return ratios


def _likelihood(logs: Float64Array, labels: IntArray, unseen: IntArray) -> float:
    """Mean log-likelihood of the given labels of some rows, behind the channel that the other rows tell of."""
    seen = np.ones(labels.size, dtype=np.bool_)
    seen[unseen] = False
    _, channel = right_classes(logs[seen], labels[seen])
    chances = (np.exp(logs[unseen]) * channel[:, labels[unseen]].T).sum(axis=1)
    return float(np.log(np.maximum(chances, 1e-12)).mean())


def _stage(problem: SoftmaxRegressions, solution: Float64Array, labels: IntArray) -> Arrays:
    right, channel = right_classes(problem.held_out(solution), labels)
    arrays = {"channel": channel.astype(np.float32), "right": right.astype(np.float32)}
    return problem.raw(solution) | arrays
