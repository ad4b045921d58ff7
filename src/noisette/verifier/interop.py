"""One call for those who come from cleanlab: labels, and features or predicted probabilities in; their columns out."""

from __future__ import annotations

from typing import Any

import numpy as np

from noisette.errors import InvalidInputError, NotVerifiedError, ShapeError
from noisette.scores.decisions import label_scores
from noisette.types import UNVERIFIED, ArrayLike, BoolArray, FeatureTable, Float64Array, IntArray, as_numpy
from noisette.verifier.base import Verifier
from noisette.verifier.saving import VERIFIERS, verifier_class

DEFAULT_VERIFIER = "evidence"
"""A verifier that needs no verification label."""


def find_label_issues(
    labels: ArrayLike,
    *,
    features: ArrayLike | FeatureTable | None = None,
    pred_probs: ArrayLike | None = None,
    verification_labels: ArrayLike | None = None,
    correct_labels: ArrayLike | None = None,
    verifier: Verifier | str | None = None,
) -> dict[str, np.ndarray]:
    """Say of every label whether it looks wrong, and which would be better; works without any checked label.

    Args:
        labels: (N,) class ids in 0..K-1, as given.
        features: (N, D) floats, or a `FeatureTable`; None = `pred_probs` takes their place.
        pred_probs: (N, K) out-of-sample class probabilities of a classifier of yours.
        verification_labels: (N,) 1 = somebody found the label correct, 0 = wrong, -1 = nobody looked (or is unsure);
            None = nobody looked at all. Those found correct are never issues, those found wrong always are.
        correct_labels: (N,) right class id of labels found wrong; -1 not known, -2 none of the classes.
        verifier: an unfitted verifier, or the name of one; it is fitted. None = one that needs no checked label.

    Returns:
        Columns of N rows, which ``pandas.DataFrame`` takes as they are: `is_label_issue` (bool), `label_quality`
        (P(label is correct); NaN where the verifier cannot say without checked labels), `given_label`,
        `suggested_label` (the given one where it fits best, -1 not known, -2 none of the classes) and
        `suggested_probability`.

    Raises:
        InvalidInputError: neither `features` nor `pred_probs` is given, or labels are names.
        ShapeError, UnknownClassError: an argument is malformed; the message says which.

    Example:
        >>> truth = np.arange(900) % 3
        >>> features = np.eye(3)[truth] + np.random.default_rng(0).normal(size=(900, 3)) / 10
        >>> labels = truth.copy()
        >>> labels[7] = 2
        >>> issues = find_label_issues(labels, features=features)
        >>> np.argsort(issues["label_quality"])[:1].tolist(), issues["suggested_label"][7].item()
        ([7], 1)
    """
    given = _class_ids(labels)
    probs = None if pred_probs is None else _probabilities(pred_probs)
    table = features if features is not None else probs
    if table is None:
        raise InvalidInputError("give `features`, `pred_probs` or both; labels alone say nothing about themselves")
    fitted = _unfitted(verifier).fit(
        table,
        given,
        verification_labels,
        correct_labels=correct_labels,
        pred_probs=probs,
        class_names=None if probs is None else [str(label) for label in range(probs.shape[1])],
    )
    found = label_scores(
        given,
        verification_labels=np.full(given.size, UNVERIFIED) if verification_labels is None else verification_labels,
        correct_labels=correct_labels,
        **_scores(fitted, table, given, probs),
    )
    return {
        "is_label_issue": found.is_label_issue,
        "label_quality": found.label_quality,
        "given_label": found.given_label,
        "suggested_label": found.suggested_label,
        "suggested_probability": found.suggested_probability,
    }


def _scores(
    verifier: Verifier, table: ArrayLike | FeatureTable, given: IntArray, probs: Float64Array | None
) -> dict[str, Any]:
    """Give what the verifier says, as arguments of `label_scores`; only scores where it knows no probabilities."""
    try:
        verifier.quality_of_scores(np.empty(0))
    except NotVerifiedError:
        return {"scores": verifier.score_samples(table, given, pred_probs=probs)}
    parts = verifier.iter_scores(table, given, pred_probs=probs)
    score, suggested, chance = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    verdict: BoolArray = verifier.verdict_of_scores(score)
    return {
        "scores": score,
        "label_quality": verifier.quality_of_scores(score),
        "verdict": verdict,
        "suggested": suggested,
        "suggested_probability": chance,
    }


def _unfitted(verifier: Verifier | str | None) -> Verifier:
    if isinstance(verifier, Verifier):
        return verifier
    name = DEFAULT_VERIFIER if verifier is None else verifier
    if name not in VERIFIERS:
        raise InvalidInputError(f"`verifier` must be a verifier or one of {', '.join(sorted(VERIFIERS))}, got {name!r}")
    return verifier_class(name)()


def _class_ids(labels: ArrayLike) -> IntArray:
    given = as_numpy(labels)
    if given.ndim != 1:
        raise ShapeError(f"`labels` must have shape (N,), one class id a sample, got {given.shape}")
    if given.dtype.kind not in "iuf" or (given.dtype.kind == "f" and not np.array_equal(given, np.trunc(given))):
        first = f"such as {given[0].item()!r}" if given.size and hasattr(given[0], "item") else f"of {given.dtype}"
        raise InvalidInputError(
            f"`labels` must hold class ids 0, 1, 2, ..., got values {first}; "
            "`names, labels = numpy.unique(labels, return_inverse=True)` makes ids of names"
        )
    return given.astype(np.int64)


def _probabilities(pred_probs: ArrayLike) -> Float64Array:
    probs = np.asarray(as_numpy(pred_probs), dtype=np.float64)
    if probs.ndim != 2:
        raise ShapeError(f"`pred_probs` must have shape (N, K), got {probs.shape}")
    return probs
