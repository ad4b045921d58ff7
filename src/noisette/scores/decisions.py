"""Human decisions overrule the verifier: the one place where that happens."""

from __future__ import annotations

import numpy as np

from noisette.errors import InvalidInputError, ShapeError
from noisette.types import (
    CORRECT,
    MISLABELLED,
    NONE_OF_THE_CLASSES,
    NOT_KNOWN,
    UNVERIFIED,
    ArrayLike,
    BoolArray,
    Float64Array,
    IntArray,
    LabelScores,
    as_numpy,
)

FULL_WEIGHT = 1.0
"""The least weight of a label that a person found correct: that of label quality 1."""


def label_scores(
    given_labels: ArrayLike,
    *,
    scores: ArrayLike,
    verification_labels: ArrayLike,
    label_quality: ArrayLike | None = None,
    verdict: ArrayLike | None = None,
    suggested: ArrayLike | None = None,
    suggested_probability: ArrayLike | None = None,
    none_probability: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    correct_labels: ArrayLike | None = None,
) -> LabelScores:
    """Join what the verifier says with what people decided; people win.

    - verified correct: quality 1, no issue, the given label is suggested with probability 1, weight at least 1
    - verified wrong: quality 0, an issue, weight 0; the verifier's suggestion stays, its probability now given that the
      label is wrong, unless it was the given label itself: then the suggestion is -1 (not known) with probability 0
    - corrected to class c (or to -2, none of the classes): as wrong, and c is suggested with probability 1

    Args:
        given_labels: (N,) class ids.
        scores: (N,) raw scores of the verifier; kept as they are.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        label_quality: (N,) the verifier's P(given label is correct) in [0, 1]; None = it has none: NaN.
        verdict: (N,) True = correct, by the verifier's threshold; None = it has none: only decided labels are issues.
        suggested: (N,) the verifier's best class ids, -2 = none of the classes; None = it has none: -1, not known.
        suggested_probability: (N,) their probabilities in [0, 1]; None = NaN.
        none_probability: (N,) P(the sample shows none of the classes) in [0, 1]; None = NaN.
        sample_weight: (N,) weights >= 0; None = the label quality, or 1 without one.
        correct_labels: (N,) right class id of mislabelled samples, -1 not known, -2 none of the classes; None = all -1.

    Raises:
        ShapeError: an argument is not (N,).
        InvalidInputError: a verification label is none of 1, 0, -1, or a correct label contradicts it.

    Example:
        >>> found = label_scores([0, 0, 1], scores=[.9, .2, .1], label_quality=[.9, .3, .1],
        ...                      verdict=[True, False, False], suggested=[0, 1, 0], suggested_probability=[.9, .6, .8],
        ...                      verification_labels=[-1, 1, 0], correct_labels=[-1, -1, 2])
        >>> found.label_quality.tolist(), found.is_label_issue.tolist(), found.suggested_label.tolist()
        ([0.9, 1.0, 0.0], [False, False, True], [0, 0, 2])
    """
    given = as_numpy(given_labels).astype(np.int64)
    truth = _vector(verification_labels, "verification_labels", given.size, np.int64, UNVERIFIED)
    correct = _vector(correct_labels, "correct_labels", given.size, np.int64, NOT_KNOWN)
    _check_decisions(given, truth, correct)
    quality = _vector(label_quality, "label_quality", given.size, np.float64, np.nan)
    weight_default = 1.0 if label_quality is None else quality
    weight = _vector(sample_weight, "sample_weight", given.size, np.float64, weight_default)
    label = _vector(suggested, "suggested", given.size, np.int64, NOT_KNOWN)
    chance = _vector(suggested_probability, "suggested_probability", given.size, np.float64, np.nan)
    is_right, is_wrong = truth == CORRECT, truth == MISLABELLED
    none = _vector(none_probability, "none_probability", given.size, np.float64, np.nan)
    label, chance = _decided_labels(given, truth, correct, quality, label, chance)
    return LabelScores(
        given_label=given,
        score=_vector(scores, "scores", given.size, np.float64, np.nan),
        label_quality=np.select([is_right, is_wrong], [1.0, 0.0], quality),
        is_label_issue=np.where(is_right | is_wrong, is_wrong, ~_verdict(verdict, given.size)),
        suggested_label=label,
        suggested_probability=chance,
        none_probability=_decided_none(truth, correct, quality, none),
        sample_weight=np.select([is_right, is_wrong], [np.maximum(weight, FULL_WEIGHT), 0.0], weight),
    )


def labels_in_force(given_labels: IntArray, verification_labels: IntArray, correct_labels: IntArray) -> IntArray:
    """Give the (N,) label that counts today: the corrected one where people corrected it, else the given one.

    -1 (not known) where a label was found wrong and nobody said what is right; -2 where none of the classes is.

    Example:
        >>> labels_in_force(np.array([0, 0, 0]), np.array([-1, 0, 0]), np.array([-1, 2, -1])).tolist()
        [0, 2, -1]
    """
    labels: IntArray = np.where(verification_labels == MISLABELLED, correct_labels, given_labels).astype(np.int64)
    return labels


def _decided_labels(
    given: IntArray, truth: IntArray, correct: IntArray, quality: Float64Array, label: IntArray, chance: Float64Array
) -> tuple[IntArray, Float64Array]:
    """Give suggested labels and their probabilities after the decisions."""
    is_right, is_wrong = truth == CORRECT, truth == MISLABELLED
    is_corrected = is_wrong & (correct != NOT_KNOWN)
    is_refuted = is_wrong & ~is_corrected & ((label == given) | (label == NOT_KNOWN))
    if_wrong = _given_that_it_is_wrong(chance, quality)
    label = np.select([is_right, is_corrected, is_refuted], [given, correct, NOT_KNOWN], label)
    decided = [is_right | is_corrected, is_refuted, is_wrong]
    return label.astype(np.int64), np.select(decided, [1.0, 0.0, if_wrong], chance)


def _decided_none(truth: IntArray, correct: IntArray, quality: Float64Array, none: Float64Array) -> Float64Array:
    """Give P(none of the classes) after the decisions."""
    is_wrong = truth == MISLABELLED
    is_corrected = is_wrong & (correct != NOT_KNOWN)
    is_none = (correct == NONE_OF_THE_CLASSES).astype(np.float64)
    decided = [truth == CORRECT, is_corrected, is_wrong]
    return np.select(decided, [0.0, is_none, _given_that_it_is_wrong(none, quality)], none)


def _given_that_it_is_wrong(chance: Float64Array, quality: Float64Array) -> Float64Array:
    """Give P(class | the label is wrong): the part of "correct" is gone, the rest keeps its proportions."""
    wrong = 1.0 - quality
    return np.minimum(1.0, np.divide(chance, wrong, out=np.ones_like(chance), where=~(wrong <= chance)))


def _check_decisions(given: IntArray, truth: IntArray, correct: IntArray) -> None:
    bad = np.flatnonzero(~np.isin(truth, (CORRECT, MISLABELLED, UNVERIFIED)))
    if bad.size:
        raise InvalidInputError(
            f"`verification_labels` must hold only 1, 0 and -1, got {truth[bad[0]]} at position {bad[0]}"
        )
    names_one = correct != NOT_KNOWN
    clash = names_one & np.select([truth == CORRECT, truth == MISLABELLED], [correct != given, correct == given], True)
    if clash.any():
        i = int(np.flatnonzero(clash)[0])
        raise InvalidInputError(
            f"`correct_labels` is {correct[i]} at position {i}, where the given label is {given[i]} and the "
            f"verification label {truth[i]}; a corrected sample needs verification label 0 and another class"
        )


def _verdict(values: ArrayLike | None, size: int) -> BoolArray:
    verdict: BoolArray = _vector(values, "verdict", size, np.bool_, True)
    return verdict


def _vector(values: ArrayLike | None, name: str, size: int, dtype: type, default: ArrayLike) -> np.ndarray:
    if values is None:
        return np.full(size, default, dtype=dtype)
    array = as_numpy(values)
    if array.shape != (size,):
        raise ShapeError(f"`{name}` must have shape ({size},), got {array.shape}")
    return array.astype(dtype)
