"""Softmax regressions of all folds at once: a row is always judged by one that was not fitted on it.

In a basis in which the features are uncorrelated few steps of L-BFGS suffice, and the products of all folds are one.
"""

from __future__ import annotations

import copy

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

from noisette.types import BoolArray, Float32Array, Float64Array, IntArray
from noisette.verifier.baselines.linear_models import NUM_FOLDS
from noisette.verifier.scorer import Arrays

BLOCK_NUMBERS = 1 << 19  # logits at a time: 2 MB, which caches hold
PATH = 10.0 ** np.arange(-5.0, 2.5, 0.5)
"""Inverse penalties to try, strong penalties first."""
PATH_STEPS = 15
KNOWN_MORE = 0.01
"""Log-likelihood a row above that of a guess, from which on a decline ends the path: with penalties so strong that
little but the classes' shares is fitted, it goes up and down by chance."""


def learning_rows(folds: IntArray, duplicate_groups: IntArray | None = None) -> BoolArray:
    """Say which of the five regressions learn from each row, (N, 5): not that of its fold, nor that of a duplicate's.

    Args:
        folds: (N,) fold of each row.
        duplicate_groups: (N,) rows of one number (not -1) show one picture.
    """
    learns: BoolArray = folds[:, None] != np.arange(NUM_FOLDS)
    if duplicate_groups is None:
        return learns
    members = np.flatnonzero(duplicate_groups >= 0)
    numbers, inverse = np.unique(duplicate_groups[members], return_inverse=True)
    is_judge = np.zeros((numbers.size, NUM_FOLDS), dtype=np.bool_)
    is_judge[inverse, folds[members]] = True
    learns[members] &= ~is_judge[inverse]
    return learns


class SoftmaxRegressions:
    """N rows of D features and their folds; solutions are (D + 1, 5 K) weights in the uncorrelated basis.

    Args:
        features: (N, D), finite.
        folds: (N,) fold of each row, 0..4: the one regression that judges it.
        num_classes: K.
        learns: (N, 5) which regressions learn from each row, from `learning_rows`; None = all but that of its fold.
    """

    def __init__(
        self, features: Float32Array, folds: IntArray, num_classes: int, learns: BoolArray | None = None
    ) -> None:
        self.folds, self.num_classes = folds, num_classes
        self.learns = learning_rows(folds) if learns is None else learns
        self.center = features.mean(axis=0, dtype=np.float64)
        self.scale = features.std(axis=0, dtype=np.float64)
        self.scale[self.scale < 1e-12] = 1.0
        standard = ((features - self.center) / self.scale).astype(np.float32)
        values, vectors = np.linalg.eigh((standard.T @ standard / folds.size).astype(np.float64))
        self.values = np.maximum(values, max(1e-4 * values.max(), 1e-12))
        self.basis = vectors / np.sqrt(self.values)
        inputs = [standard @ self.basis.astype(np.float32), np.ones((folds.size, 1), dtype=np.float32)]
        self.inputs = np.concatenate(inputs, axis=1)
        self.width = self.inputs.shape[1]

    def solve(
        self, targets: Float32Array, inverse_penalty: float, steps: int, start: Float64Array | None = None
    ) -> Float64Array:
        """Fit the regressions of all folds.

        Args:
            targets: (N, K) probabilities of the classes.
            inverse_penalty: `C` of scikit-learn's logistic regression on features of variance 1; low = strong penalty.
            steps: of L-BFGS at most.
            start: an earlier solution; None = zeros.
        """
        return self._solve(targets, self.learns, inverse_penalty, steps, start)

    def without(self, rows: IntArray) -> SoftmaxRegressions:
        """Give the same problem with some rows that no regression learns from."""
        other = copy.copy(self)
        other.learns = self.learns.copy()
        other.learns[rows] = False
        return other

    def find_penalty(self, targets: Float32Array, given_labels: IntArray) -> float:
        """Give the inverse penalty by which given labels that one fold's regression has not seen are likeliest."""
        fold = int(np.bincount(self.folds, minlength=NUM_FOLDS).argmax())
        unseen, learns = np.flatnonzero(self.folds == fold), self.learns[:, [fold]]
        if not learns.any():
            return 1e-3
        shares = targets[learns[:, 0]].sum(axis=0, dtype=np.float64) + 1.0
        guess = max(float(np.log(shares / shares.sum())[given_labels[unseen]].mean()), -np.log(self.num_classes))
        solution, fits = np.zeros((self.width, self.num_classes)), [-np.inf]
        for inverse_penalty in PATH:
            solution = self._solve(targets, learns, inverse_penalty, PATH_STEPS, solution)
            logs = log_softmax(self.inputs[unseen] @ solution, axis=1)
            fits.append(float(logs[np.arange(unseen.size), given_labels[unseen]].mean()))
            if fits[-1] < fits[-2] and max(fits) > guess + KNOWN_MORE:
                break
        return float(PATH[int(np.argmax(fits[1:]))])

    def held_out(self, solution: Float64Array) -> Float64Array:
        """Log-probabilities (N, K) of each row by the regression of its own fold, which has not seen it."""
        weights = solution.reshape(self.width, NUM_FOLDS, self.num_classes)
        logits = np.empty((self.folds.size, self.num_classes))
        for fold in range(NUM_FOLDS):
            rows = np.flatnonzero(self.folds == fold)
            logits[rows] = self.inputs[rows] @ weights[:, fold]
        logs: Float64Array = logits - logsumexp(logits, axis=1, keepdims=True)
        return logs

    def raw(self, solution: Float64Array) -> Arrays:
        """Weights (5, K, D) and intercepts (5, K), float32, for features as they come."""
        weights = solution.reshape(self.width, NUM_FOLDS, self.num_classes)
        own = np.einsum("de,efk->fkd", self.basis / self.scale[:, None], weights[:-1], optimize=True)
        intercepts = weights[-1] - own @ self.center
        return {"weights": own.astype(np.float32), "intercepts": intercepts.astype(np.float32)}

    def _solve(
        self,
        targets: Float32Array,
        learns: BoolArray,
        inverse_penalty: float,
        steps: int,
        start: Float64Array | None,
    ) -> Float64Array:
        models, size = learns.shape[1], self.folds.size
        shape = (self.width, models * self.num_classes)
        share = (learns / np.maximum(learns.sum(axis=0), 1.0)).astype(np.float32)
        penalty = np.append(1.0 / self.values, 0.0)[:, None] / (inverse_penalty * size)
        block = max(64, BLOCK_NUMBERS // shape[1])
        parts = [slice(first, first + block) for first in range(0, size, block)]
        wanted = np.zeros(shape)  # what targets add to the gradient, whatever the weights are
        for part in parts:
            pulls = share[part, :, None] * targets[part, None, :]
            wanted += self.inputs[part].T @ pulls.reshape(-1, shape[1])

        def loss(flat: Float64Array) -> tuple[float, Float64Array]:
            weights = flat.reshape(shape)
            gradient = penalty * weights
            value = 0.5 * float((weights * gradient).sum()) - float((weights * wanted).sum())
            gradient -= wanted
            single = weights.astype(np.float32)
            for part in parts:
                # Classes come first: sums over a few classes then run along long stretches of rows.
                chances = (single.T @ self.inputs[part].T).reshape(models, self.num_classes, -1)
                top = chances.max(axis=1, keepdims=True)
                np.exp(np.subtract(chances, top, out=chances), out=chances)
                totals, shares = chances.sum(axis=1, keepdims=True), share[part].T[:, None, :]
                value += float(((np.log(totals) + top) * shares).sum(dtype=np.float64))
                chances *= shares / totals
                gradient += self.inputs[part].T @ chances.reshape(shape[1], -1).T
            return value, gradient.ravel()

        first_guess = np.zeros(shape) if start is None else start
        options = {"maxiter": steps, "ftol": 1e-7, "gtol": 1e-6}
        found: Float64Array = minimize(loss, first_guess.ravel(), jac=True, method="L-BFGS-B", options=options).x
        return found.reshape(shape)
