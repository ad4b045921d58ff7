"""A cross-fitted classifier behind a noise channel: what the right classes are, if labels were confused at random.

p(given = j | x) = sum_k p(k | x) C[k, j]: the classifier and the confusion rates C are fitted in turns, the right
classes being the hidden variable (Dawid and Skene, 1979; for classifiers Patrini et al., 2017). No verification label
takes part. A row is always judged by a model that was not fitted on it.
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
        progress: called as ``progress("classifier", rounds done, max_rounds)``.

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
    refined = _refine(problem, plain, labels, inverse_penalty, max_rounds, progress)
    stages = {"plain": _stage(problem, plain, labels)}
    return stages if refined is None else stages | {"refined": _stage(problem, refined, labels)}


def _refine(
    problem: SoftmaxRegressions,
    solution: Float64Array,
    labels: IntArray,
    inverse_penalty: float,
    max_rounds: int,
    progress: Progress,
) -> Float64Array | None:
    """Take rounds until two in a row have not made unseen given labels likelier, and go back to the best one.

    The first round is never compared with the fit before it: a classifier alone is fitted to predict labels, wrong ones
    included, so one behind a channel predicts them less well at first even where it judges them better.
    """
    best, fit, since = None, -np.inf, 0
    for turn in range(max_rounds):
        progress("classifier", turn, max_rounds)
        right, _ = right_classes(problem.held_out(solution), labels)
        solution = problem.solve(right.astype(np.float32), inverse_penalty, MORE_STEPS, solution)
        found = _likelihood(problem.held_out(solution), labels)
        if found >= fit + LEAST_GAIN:
            best, fit, since = solution, found, 0
        elif (since := since + 1) == PATIENCE:
            break
    progress("classifier", max_rounds, max_rounds)
    return best


def right_classes(logs: Float64Array, labels: IntArray, rounds: int = 5) -> tuple[Float64Array, Float64Array]:
    """Give P(right class) (N, K) and the channel (K, K), from log-probabilities (N, K) and given labels (N,)."""
    num_classes = logs.shape[1]
    given = np.zeros((labels.size, num_classes))
    given[np.arange(labels.size), labels] = 1.0
    right: Float64Array = softmax(logs, axis=1)
    channel = np.eye(num_classes)
    for _ in range(rounds):
        counts = right.T @ given + 1.0
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


def _likelihood(logs: Float64Array, labels: IntArray) -> float:
    """Mean log-likelihood of the given labels behind the channel."""
    _, channel = right_classes(logs, labels)
    seen = (np.exp(logs) * channel[:, labels].T).sum(axis=1)
    return float(np.log(np.maximum(seen, 1e-12)).mean())


def _stage(problem: SoftmaxRegressions, solution: Float64Array, labels: IntArray) -> Arrays:
    right, channel = right_classes(problem.held_out(solution), labels)
    arrays = {"channel": channel.astype(np.float32), "right": right.astype(np.float32)}
    return problem.raw(solution) | arrays
