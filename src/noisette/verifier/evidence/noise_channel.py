"""A cross-fitted classifier behind a noise channel: what the right classes are, if labels were confused at random.

p(given = j | x) = sum_k p(k | x) C[k, j]: the classifier and the confusion rates C are fitted in turns, the right
classes being the hidden variable (Dawid and Skene, 1979; for classifiers Patrini et al., 2017). No verification label
takes part. A row is always judged by a model that was not fitted on it.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax

from noisette.types import Float32Array, Float64Array, IntArray
from noisette.verifier.baselines.linear_models import NUM_FOLDS
from noisette.verifier.scorer import Arrays

FIRST_STEPS, MORE_STEPS, MAX_TURNS = 30, 12, 14
LEAST_GAIN = 5e-4
"""Log-likelihood a row that a turn must gain on labels it has not seen, or the turns end."""


def fit_noise_channel(
    features: Float32Array, labels: IntArray, folds: IntArray, num_classes: int, inverse_penalty: float
) -> Arrays:
    """Fit the classifiers of all folds and the channel.

    Args:
        features: (N, D), finite.
        labels: (N,) given class ids.
        folds: (N,) fold of each row, 0..4.
        num_classes: K.
        inverse_penalty: `C` of scikit-learn's logistic regression on features of variance 1.

    Returns:
        "weights" (5, K, D), "intercepts" (5, K), "channel" (K, K) = P(given | right class), and "right" (N, K), the
        probabilities of the right classes; all float32.
    """
    problem = _Problem(features, folds, num_classes, inverse_penalty)
    given = np.eye(num_classes, dtype=np.float32)[labels]
    solution = problem.solve(given, np.zeros((problem.width, NUM_FOLDS * num_classes)), FIRST_STEPS)
    logs = problem.held_out(solution)
    best, best_fit = solution, float(logs[np.arange(labels.size), labels].mean())
    for _ in range(MAX_TURNS):
        right, _ = right_classes(logs, labels)
        solution = problem.solve(right.astype(np.float32), solution, MORE_STEPS)
        logs = problem.held_out(solution)
        right, channel = right_classes(logs, labels)
        fit = float(np.log(np.maximum((np.exp(logs) * channel[:, labels].T).sum(axis=1), 1e-12)).mean())
        if fit < best_fit + LEAST_GAIN:
            break
        best, best_fit = solution, fit
    right, channel = right_classes(problem.held_out(best), labels)
    return problem.raw(best) | {"channel": channel.astype(np.float32), "right": right.astype(np.float32)}


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


class _Problem:
    """Softmax regressions of all folds at once, in a basis where the features are uncorrelated (few steps suffice)."""

    def __init__(self, features: Float32Array, folds: IntArray, num_classes: int, inverse_penalty: float) -> None:
        self.folds, self.num_classes = folds, num_classes
        self.center = features.mean(axis=0, dtype=np.float64)
        self.scale = features.std(axis=0, dtype=np.float64)
        self.scale[self.scale < 1e-12] = 1.0
        standard = ((features - self.center) / self.scale).astype(np.float32)
        values, vectors = np.linalg.eigh((standard.T @ standard / folds.size).astype(np.float64))
        values = np.maximum(values, max(1e-4 * values.max(), 1e-12))
        self.basis = vectors / np.sqrt(values)
        inputs = [standard @ self.basis.astype(np.float32), np.ones((folds.size, 1), dtype=np.float32)]
        self.inputs = np.concatenate(inputs, axis=1)
        self.width = self.inputs.shape[1]
        self.penalty = np.append(1.0 / values, 0.0)[:, None] / (inverse_penalty * folds.size)
        learns = (folds[:, None] != np.arange(NUM_FOLDS)).astype(np.float32)
        self.learns = learns / np.maximum(learns.sum(axis=0), 1.0)

    def solve(self, targets: Float32Array, start: Float64Array, steps: int) -> Float64Array:
        shape = (self.width, NUM_FOLDS * self.num_classes)
        block = max(64, (1 << 22) // shape[1])

        def loss(flat: Float64Array) -> tuple[float, Float64Array]:
            weights = flat.reshape(shape)
            gradient = self.penalty * weights
            value = 0.5 * float((weights * gradient).sum())
            single = weights.astype(np.float32)
            for first in range(0, targets.shape[0], block):
                part = slice(first, first + block)
                logits = (self.inputs[part] @ single).reshape(-1, NUM_FOLDS, self.num_classes)
                logs = log_softmax(logits, axis=2)
                wanted, learns = targets[part][:, None, :], self.learns[part]
                value -= float(((logs * wanted).sum(axis=2) * learns).sum())
                residual = (np.exp(logs) - wanted) * learns[:, :, None]
                gradient = gradient + self.inputs[part].T @ residual.reshape(-1, shape[1])
            return value, gradient.ravel()

        options = {"maxiter": steps, "ftol": 1e-7, "gtol": 1e-6}
        found: Float64Array = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options).x
        return found.reshape(shape)

    def held_out(self, solution: Float64Array) -> Float64Array:
        """Log-probabilities (N, K) of each row by the model of its own fold, which has not seen it."""
        weights = solution.reshape(self.width, NUM_FOLDS, self.num_classes)
        logits = np.empty((self.folds.size, self.num_classes))
        for fold in range(NUM_FOLDS):
            rows = np.flatnonzero(self.folds == fold)
            logits[rows] = self.inputs[rows] @ weights[:, fold]
        logs: Float64Array = logits - logsumexp(logits, axis=1, keepdims=True)
        return logs

    def raw(self, solution: Float64Array) -> Arrays:
        """Weights and intercepts for features as they come."""
        weights = solution.reshape(self.width, NUM_FOLDS, self.num_classes)
        own = np.einsum("de,efk->fkd", self.basis / self.scale[:, None], weights[:-1])
        intercepts = weights[-1] - own @ self.center
        return {"weights": own.astype(np.float32), "intercepts": intercepts.astype(np.float32)}
