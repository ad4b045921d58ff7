"""Cross-fitted logistic regression of the given label: a row's probabilities come from a model not fitted on it."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from noisette.types import Float32Array, Float64Array, FloatArray, HashArray, IntArray
from noisette.verifier.folds import row_hashes
from noisette.verifier.scorer import Arrays

NUM_FOLDS = 5


def folds_of_hashes(hashes: HashArray) -> IntArray:
    """Fold of each row, 0..4: a property of its content, so that copies and later queries of a row share its fold."""
    return (hashes % np.uint64(NUM_FOLDS)).astype(np.int64)


def fit_linear_models(features: Float32Array, labels: IntArray, num_classes: int, inverse_penalty: float) -> Arrays:
    """Fit one multinomial logistic regression a fold, on the rows of the other folds.

    Args:
        features: (N, D), finite.
        labels: (N,) class ids.
        num_classes: K.
        inverse_penalty: `C` of scikit-learn, for features scaled to variance 1; low = strong L2 penalty.

    Returns:
        "weights" (5, K, D) and "intercepts" (5, K), both float32, for raw features. A class that a model has not seen
        has intercept -inf, hence probability 0; a model that saw no class at all takes all for equally likely.
    """
    center = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = features.std(axis=0, dtype=np.float64).astype(np.float32)
    scale[scale == 0] = 1.0
    standard = (features - center) / scale
    folds = folds_of_hashes(row_hashes(features))
    weights = np.zeros((NUM_FOLDS, num_classes, features.shape[1]), dtype=np.float32)
    intercepts = np.full((NUM_FOLDS, num_classes), -np.inf, dtype=np.float32)
    for fold in range(NUM_FOLDS):
        seen, coefficients, offsets = _fit_one(standard[folds != fold], labels[folds != fold], inverse_penalty)
        weights[fold, seen] = coefficients / scale
        intercepts[fold, seen] = offsets - (coefficients / scale) @ center
        if seen.size == 0:
            intercepts[fold] = 0.0
    return {"weights": weights, "intercepts": intercepts}


def _fit_one(
    features: Float32Array, labels: IntArray, inverse_penalty: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Give the (C,) classes seen, their (C, D) weights and (C,) intercepts."""
    seen = np.unique(labels)
    if seen.size < 2:
        return seen, np.zeros((seen.size, features.shape[1])), np.zeros(seen.size)
    model = LogisticRegression(C=inverse_penalty, max_iter=200, tol=1e-3)
    with warnings.catch_warnings():
        # Stopping early is one more mild penalty here, nothing a user has to act on.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    if seen.size == 2:  # one row of weights: the log-odds of the second class
        half, offset = model.coef_ / 2, model.intercept_ / 2
        return seen, np.concatenate([-half, half]), np.concatenate([-offset, offset])
    return seen, model.coef_, model.intercept_


def linear_probabilities(features: Float32Array, hashes: HashArray, models: Arrays) -> Float64Array:
    """Class probabilities (B, K) of each row by the model of its fold; NaN for a row with NaN or infinity."""
    folds = folds_of_hashes(hashes)
    logits = np.empty((features.shape[0], models["intercepts"].shape[1]))
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        logits[rows] = features[rows] @ models["weights"][fold].T + models["intercepts"][fold]
    logits[~np.isfinite(features).all(axis=1)] = np.nan
    probabilities: Float64Array = softmax(logits, axis=1)
    return probabilities
