"""How well wrong labels are found: error rates, ranking quality, calibration. Arrays in, plain numbers out.

Everywhere: a verification label is 1 (given label correct) or 0 (mislabelled), a verdict is True for "correct", and
high scores and probabilities mean "more likely correct". Unverified samples (-1) have no truth: leave them out. With
`sample_weight` w a metric m becomes sum(w m) / sum(w). No samples at all, or weights that sum to 0, are an error.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from noisette.errors import InvalidInputError
from noisette.functional.metric_inputs import check_binary, check_finite, check_labels, check_probability, check_weights
from noisette.types import ArrayLike, Float64Array, IntArray


class ReliabilityBins(NamedTuple):
    """Predicted against observed probability, bin by bin; every array is (num_bins,).

    Attributes:
        edges: (num_bins + 1,) bin edges from 0 to 1; a bin holds its left edge, the last one its right edge too.
        weight: number (or summed weight) of samples in each bin.
        probability: mean predicted probability; NaN in an empty bin.
        share: observed share of target 1; NaN in an empty bin.
    """

    edges: Float64Array
    weight: Float64Array
    probability: Float64Array
    share: Float64Array


def error_rate(verdict: ArrayLike, verification_labels: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Give the share of samples with a wrong verdict (the micro error), in [0, 1].

    Args:
        verdict: (N,) True (or 1) = taken to be correct.
        verification_labels: (N,) 1 correct, 0 mislabelled.
        sample_weight: (N,) weights >= 0; None = 1.

    Raises:
        ShapeError, InvalidInputError: no samples, lengths that differ, or other values than 0 and 1.

    Example:
        >>> error_rate([True, True, False, False], [1, 0, 0, 0])
        0.25
    """
    target = check_binary(verification_labels, "verification_labels")
    wrong = check_binary(verdict, "verdict", target.size) != target
    return float(np.average(wrong, weights=check_weights(sample_weight, target.size)))


def per_class_error(
    verdict: ArrayLike,
    verification_labels: ArrayLike,
    given_labels: ArrayLike,
    *,
    num_classes: int | None = None,
    sample_weight: ArrayLike | None = None,
) -> Float64Array:
    """Give the share of wrong verdicts among the samples of each given class.

    Args:
        verdict: (N,) True (or 1) = taken to be correct.
        verification_labels: (N,) 1 correct, 0 mislabelled.
        given_labels: (N,) class ids.
        num_classes: K; None = the largest label + 1.
        sample_weight: (N,) weights >= 0; None = 1.

    Returns:
        (K,) errors in [0, 1]; NaN for a class without (weighted) samples, whose error is not known.

    Raises:
        ShapeError, InvalidInputError: as `error_rate`.
        UnknownClassError: a label is not in 0..K-1.

    Example:
        >>> per_class_error([True, True, False], [1, 0, 0], [0, 0, 2]).tolist()
        [0.5, nan, 0.0]
    """
    target = check_binary(verification_labels, "verification_labels")
    wrong = check_binary(verdict, "verdict", target.size) != target
    labels = check_labels(given_labels, target.size, num_classes)
    weight = check_weights(sample_weight, target.size)
    size = int(labels.max()) + 1 if num_classes is None else num_classes
    return _means(wrong, labels, weight, size)


def average_error_rate(
    verdict: ArrayLike,
    verification_labels: ArrayLike,
    given_labels: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Give the mean of the classes' detection errors, in [0, 1]: the metric of the CleanNet paper (macro error).

    Every class with samples counts the same; classes without samples do not count. Arguments as `per_class_error`.

    Example:
        >>> average_error_rate([True, True, False], [1, 0, 0], [0, 0, 2])
        0.25
    """
    errors = per_class_error(verdict, verification_labels, given_labels, sample_weight=sample_weight)
    return float(np.nanmean(errors))


def auroc(scores: ArrayLike, verification_labels: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Give the chance that a correct label scores higher than a mislabelled one, ties counting half, in [0, 1].

    Args:
        scores: (N,) finite; high = more likely correct.
        verification_labels: (N,) 1 correct, 0 mislabelled.
        sample_weight: (N,) weights >= 0; None = 1.

    Returns:
        The area under the ROC curve; .5 = no better than chance; NaN where all samples are of one kind, because there
        is nothing to compare then.

    Raises:
        ShapeError, InvalidInputError: no samples, lengths that differ, scores that are not finite.

    Example:
        >>> auroc([.9, .8, .3], [1, 0, 0])
        1.0
    """
    target, score, weight = _ranking(scores, verification_labels, sample_weight)
    if not _has_both_kinds(target, weight):
        return float("nan")
    return float(roc_auc_score(target, score, sample_weight=weight))


def average_precision(
    scores: ArrayLike,
    verification_labels: ArrayLike,
    *,
    positive: Literal["mislabelled", "correct"] = "mislabelled",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Give the average precision of finding mislabelled samples by their low scores, in [0, 1].

    Args:
        scores: (N,) finite; high = more likely correct.
        verification_labels: (N,) 1 correct, 0 mislabelled.
        positive: what is searched for; "correct" ranks from the high scores down instead.
        sample_weight: (N,) weights >= 0; None = 1.

    Returns:
        Precision averaged over the recall steps, as in scikit-learn; chance level is the share of the positive kind.
        NaN where all samples are of one kind: such a sample says nothing about the ranking.

    Raises:
        ShapeError, InvalidInputError: as `auroc`, or `positive` is another word.

    Example:
        >>> average_precision([.9, .8, .3, .1], [1, 0, 1, 0])
        0.8333333333333333
    """
    if positive not in ("mislabelled", "correct"):
        raise InvalidInputError(f"`positive` must be 'mislabelled' or 'correct', got {positive!r}")
    target, score, weight = _ranking(scores, verification_labels, sample_weight)
    if not _has_both_kinds(target, weight):
        return float("nan")
    if positive == "mislabelled":
        target, score = 1 - target, -score
    return float(average_precision_score(target, score, sample_weight=weight))


def reliability_bins(
    probability: ArrayLike, target: ArrayLike, *, num_bins: int = 15, sample_weight: ArrayLike | None = None
) -> ReliabilityBins:
    """Sort predicted probabilities into equally wide bins and compare each bin with what happened.

    Arguments as `expected_calibration_error`. A probability on an edge belongs to the bin above, 1.0 to the last bin.
    """
    if num_bins < 1:
        raise InvalidInputError(f"`num_bins` must be at least 1, got {num_bins}")
    observed = check_binary(target, "target")
    predicted = check_probability(probability, observed.size)
    weight = check_weights(sample_weight, observed.size)
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    bins = np.searchsorted(edges[1:-1], predicted, side="right")
    total = np.bincount(bins, weight, minlength=num_bins).astype(np.float64)
    means = _means(predicted, bins, weight, num_bins), _means(observed, bins, weight, num_bins)
    return ReliabilityBins(edges, total, *means)


def expected_calibration_error(
    probability: ArrayLike, target: ArrayLike, *, num_bins: int = 15, sample_weight: ArrayLike | None = None
) -> float:
    """Give the mean distance between predicted probability and observed share, over equally wide bins, in [0, 1].

    sum over bins b of (n_b / n) |share_b - probability_b|  (Guo et al., 2017); 0 = well calibrated.

    Args:
        probability: (N,) predicted P(target = 1) in [0, 1]; for a classifier the confidence of its top class.
        target: (N,) 1 or 0, what happened; for a classifier whether the top class was right.
        num_bins: number of bins. A probability on an edge belongs to the bin above; 1.0 belongs to the last bin.
        sample_weight: (N,) weights >= 0; None = 1.

    Raises:
        ShapeError, InvalidInputError: no samples, lengths that differ, or probabilities outside [0, 1].

    Example:
        >>> expected_calibration_error([1.0, 1.0, 0.0, 0.0], [1, 0, 0, 0], num_bins=10)
        0.25
    """
    bins = reliability_bins(probability, target, num_bins=num_bins, sample_weight=sample_weight)
    used = bins.weight > 0
    gaps = np.abs(bins.share[used] - bins.probability[used])
    return float(np.average(gaps, weights=bins.weight[used]))


def brier_score(probability: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Give the mean squared distance between predicted probability and outcome, in [0, 1]; low is good.

    Arguments as `expected_calibration_error`.

    Example:
        >>> brier_score([1.0, 0.5], [1, 0])
        0.125
    """
    observed = check_binary(target, "target")
    predicted = check_probability(probability, observed.size)
    return float(np.average((predicted - observed) ** 2, weights=check_weights(sample_weight, observed.size)))


def _ranking(
    scores: ArrayLike, verification_labels: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[IntArray, Float64Array, Float64Array]:
    target = check_binary(verification_labels, "verification_labels")
    return target, check_finite(scores, "scores", target.size), check_weights(sample_weight, target.size)


def _has_both_kinds(target: IntArray, weight: Float64Array) -> bool:
    return np.unique(target[weight > 0]).size == 2


def _means(values: npt.NDArray[Any], groups: npt.NDArray[Any], weight: Float64Array, size: int) -> Float64Array:
    """Give the weighted mean of `values` in each of `size` groups; NaN for a group without weight."""
    part = np.bincount(groups, weight * values, minlength=size)
    total = np.bincount(groups, weight, minlength=size)
    means: Float64Array = np.divide(part, total, out=np.full(size, np.nan), where=total > 0)
    return means
