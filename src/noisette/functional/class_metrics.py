"""How good the predictions of a classifier are: likelihood, calibration, accuracy. Arrays in, plain numbers out.

N samples, K classes. `targets` are (N,) class ids, or (N, K) where a function says so. With `sample_weight` w a metric
m becomes sum(w m) / sum(w). No samples at all, or weights that sum to 0, are an error. Rows are gone through in blocks,
so that a large (N, K) array is not copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.functional.average_precision import ranking_precision
from noisette.functional.detection_metrics import expected_calibration_error, per_class_error
from noisette.functional.metric_inputs import check_weights
from noisette.types import ArrayLike, BoolArray, Float64Array, IntArray, as_numpy

_BLOCK = 1 << 20  # numbers of a block of rows
_SUM_TOLERANCE = 0.01  # of a row's probabilities: a thousand of them in half precision
_ROUNDING = 1e-3  # above 1, for the same reason

Matrix = npt.NDArray[Any]


def negative_log_likelihood(
    log_probabilities: ArrayLike, targets: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Give the mean of -log p of the target class, in [0, inf]; low is good.

    Args:
        log_probabilities: (N, K) logs of probabilities that sum to 1; -inf is p = 0.
        targets: (N,) class ids, or (N, K) soft labels t >= 0 that sum to 1 in each row, which count as
            -sum_c t_c log p_c (so the least possible value is their mean entropy, not 0).
        sample_weight: (N,) weights >= 0; None = 1.

    Returns:
        The mean in nats; inf where a target has probability 0.

    Raises:
        ShapeError, InvalidInputError: no samples, shapes that differ, probabilities or logits instead of logs, NaN.
        UnknownClassError: a class id is not in 0..K-1.

    Example:
        >>> round(negative_log_likelihood(np.log([[0.5, 0.5], [0.25, 0.75]]), [0, 0]), 4)
        1.0397
    """
    log_p = _matrix(log_probabilities, "log_probabilities")
    for rows in _blocks(log_p):
        _check_log_rows(log_p[rows])
    target = _targets(targets, log_p)
    loss = np.empty(len(log_p))
    for rows in _blocks(log_p):
        block = log_p[rows].astype(np.float64)
        if target.ndim == 1:
            loss[rows] = -np.take_along_axis(block, target[rows, None], 1)[:, 0]
        else:  # a label of 0 counts 0, even where log p = -inf
            loss[rows] = -np.multiply(target[rows], block, out=np.zeros_like(block), where=target[rows] > 0).sum(1)
    return _weighted_mean(loss, sample_weight)


def class_brier_score(probabilities: ArrayLike, targets: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Give the mean of sum_c (p_c - t_c)^2 (Brier, 1950), in [0, 2]; low is good.

    For two classes that is twice `brier_score` of either one.

    Args:
        probabilities: (N, K) in [0, 1], which sum to 1 in each row.
        targets: (N,) class ids, or (N, K) soft labels t.
        sample_weight: (N,) weights >= 0; None = 1.

    Raises:
        ShapeError, InvalidInputError, UnknownClassError: as `negative_log_likelihood`.

    Example:
        >>> class_brier_score([[0.5, 0.5], [0.0, 1.0]], [0, 1])
        0.25
    """
    p = _probabilities(probabilities)
    target = _targets(targets, p)
    score = np.empty(len(p))
    for rows in _blocks(p):
        gap = p[rows].astype(np.float64)
        if target.ndim == 1:
            gap[np.arange(len(gap)), target[rows]] -= 1
        else:
            gap -= target[rows]
        score[rows] = np.square(gap, out=gap).sum(1)
    return _weighted_mean(score, sample_weight)


def top_label_calibration_error(
    probabilities: ArrayLike, targets: ArrayLike, *, num_bins: int = 15, sample_weight: ArrayLike | None = None
) -> float:
    """Give the mean distance between the top class's probability and how often it is right (ECE), in [0, 1].

    It is `expected_calibration_error` (Guo et al., 2017) of the most probable class; 0 = well calibrated.

    Args:
        probabilities: (N, K) in [0, 1], which sum to 1 in each row; of equal ones the first is the top class.
        targets: (N,) class ids.
        num_bins: number of equally wide bins. A probability on an edge belongs to the bin above, 1.0 to the last bin.
        sample_weight: (N,) weights >= 0; None = 1.

    Raises:
        ShapeError, InvalidInputError, UnknownClassError: as `negative_log_likelihood`, or soft labels.

    Example:
        >>> top_label_calibration_error([[1.0, 0.0], [1.0, 0.0]], [0, 1])
        0.5
    """
    p = _probabilities(probabilities)
    target = _class_ids(targets, p)
    top = p.argmax(axis=1)
    confidence = np.take_along_axis(p, top[:, None], 1)[:, 0].astype(np.float64)
    return expected_calibration_error(
        np.minimum(confidence, 1.0), top == target, num_bins=num_bins, sample_weight=sample_weight
    )


def class_accuracy(
    scores: ArrayLike, targets: ArrayLike, *, top_k: int = 1, sample_weight: ArrayLike | None = None
) -> float:
    """Give the share of samples whose class is among the `top_k` with the highest scores, in [0, 1].

    Args:
        scores: (N, K) logits, probabilities or their logs, high = more likely; no NaN. Of equal ones the first leads.
        targets: (N,) class ids.
        top_k: 1 or more.
        sample_weight: (N,) weights >= 0; None = 1.

    Raises:
        ShapeError, InvalidInputError, UnknownClassError: as `negative_log_likelihood`, or `top_k` below 1.

    Example:
        >>> class_accuracy([[0.2, 0.7, 0.1], [0.2, 0.7, 0.1]], [1, 0])
        0.5
    """
    if top_k < 1:
        raise InvalidInputError(f"`top_k` must be at least 1, got {top_k}")
    score = _matrix(scores, "scores")
    return _weighted_mean(_ranks(score, _class_ids(targets, score)) < top_k, sample_weight)


def per_class_accuracy(
    scores: ArrayLike, targets: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> Float64Array:
    """Give for each class the share of its samples for which it has the highest score (its recall), in [0, 1].

    Arguments and errors as `class_accuracy`. `np.nanmean` of the result is the balanced accuracy.

    Returns:
        (K,) shares; NaN for a class without (weighted) samples.

    Example:
        >>> per_class_accuracy([[0.2, 0.7, 0.1], [0.2, 0.7, 0.1]], [1, 0]).tolist()
        [0.0, 1.0, nan]
    """
    score = _matrix(scores, "scores")
    target = _class_ids(targets, score)
    right = _ranks(score, target) == 0
    return 1.0 - per_class_error(
        right, np.ones(len(right)), target, num_classes=score.shape[1], sample_weight=sample_weight
    )


def global_average_precision(scores: ArrayLike, targets: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Give the average precision of all (sample, class) pairs in one ranking (gAP, or micro AP), in [0, 1].

    Unlike a mean over classes it asks that scores compare across samples and classes.

    Args:
        scores: (N, K) finite; high = more likely present.
        targets: (N, K) 1 present, 0 absent (any number in a row); or (N,) class ids, one present class in each row.
        sample_weight: (N,) weights >= 0 of the rows; None = 1.

    Returns:
        Precision averaged over the recall steps, as in scikit-learn, equal scores being one step; high is good, chance
        level is the share of present pairs. NaN where nothing is present: there is nothing to find then.

    Raises:
        ShapeError, InvalidInputError: no samples, shapes that differ, scores that are not finite, other labels.
        UnknownClassError: a class id is not in 0..K-1.

    Example:
        >>> global_average_precision([[0.9, 0.8], [0.7, 0.1]], [[1, 0], [1, 0]])
        0.8333333333333333
    """
    score = _matrix(scores, "scores")
    if not np.isfinite(score).all():
        raise InvalidInputError("`scores` must be finite; leave such samples out, or clip the logs of probabilities")
    present = _present(targets, score)
    weight = check_weights(sample_weight, len(score))
    return ranking_precision(score, present, None if sample_weight is None else weight)


def _weighted_mean(values: Float64Array | BoolArray, sample_weight: ArrayLike | None) -> float:
    weight = check_weights(sample_weight, len(values))
    used = weight > 0  # an infinite loss that does not count must not make the mean NaN
    return float(np.average(values[used], weights=weight[used]))


def _ranks(score: Matrix, target: IntArray) -> IntArray:
    """Give how many classes come before the target: those with a higher score, and equal ones further left."""
    rank = np.empty(len(score), np.int64)
    for rows in _blocks(score):
        block, column = score[rows], target[rows, None]
        own = np.take_along_axis(block, column, 1)
        ties = (block == own) & (np.arange(block.shape[1]) < column)
        rank[rows] = ((block > own) | ties).sum(1)
    return rank


def _blocks(matrix: Matrix) -> Iterator[slice]:
    step = max(1, _BLOCK // matrix.shape[1])
    for start in range(0, len(matrix), step):
        yield slice(start, start + step)


def _matrix(values: ArrayLike, name: str) -> Matrix:
    array = as_numpy(values)
    if array.ndim != 2:
        raise ShapeError(f"`{name}` must have shape (N, K), got {array.shape}")
    if array.size == 0:
        raise InvalidInputError(f"`{name}` is empty, of shape {array.shape}; a metric needs a sample and a class")
    if array.dtype.kind not in "fiub":
        raise InvalidInputError(f"`{name}` must hold real numbers, got dtype {array.dtype}")
    row = np.isnan(array).any(axis=1)
    if row.any():
        raise InvalidInputError(f"`{name}` must not be NaN, got one in row {row.argmax()}; leave such samples out")
    return array


def _check_log_rows(block: Matrix) -> None:
    total = np.exp(block.astype(np.float64)).sum(1) if block.max() <= _ROUNDING else np.full(1, np.inf)
    if np.abs(total - 1).max() > _SUM_TOLERANCE:
        raise InvalidInputError(
            "`log_probabilities` must be logs of probabilities that sum to 1 in each row; take the log of "
            "probabilities, or the log-softmax of logits"
        )


def _probabilities(values: ArrayLike, name: str = "probabilities") -> Matrix:
    p = _matrix(values, name)
    if p.min() < 0 or p.max() > 1 + _ROUNDING:
        raise InvalidInputError(f"`{name}` must lie in [0, 1], got {p.min() if p.min() < 0 else p.max()}")
    total = p.sum(axis=1, dtype=np.float64)
    row = int(np.abs(total - 1).argmax())
    if abs(total[row] - 1) > _SUM_TOLERANCE:
        raise InvalidInputError(f"`{name}` must sum to 1 in each row, got {total[row]:.4g} in row {row}")
    return p


def _targets(values: ArrayLike, like: Matrix) -> Matrix:
    """Check class ids (N,) or soft labels (N, K)."""
    if as_numpy(values).ndim != 2:
        return _class_ids(values, like)
    target = _probabilities(values, "targets")
    if target.shape != like.shape:
        raise ShapeError(f"`targets` must have shape ({len(like)},) or {like.shape}, got {target.shape}")
    return target


def _class_ids(values: ArrayLike, like: Matrix) -> IntArray:
    array = as_numpy(values)
    if array.shape != (len(like),):
        raise ShapeError(f"`targets` must have shape ({len(like)},), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise InvalidInputError(f"`targets` must hold whole numbers, got dtype {array.dtype}; use class ids")
    bad = np.flatnonzero((array < 0) | (array >= like.shape[1]))
    if bad.size:
        raise UnknownClassError(
            f"`targets` must lie in 0..{like.shape[1] - 1}, got {array[bad[0]]} at position {bad[0]}; "
            "leave samples of other classes out"
        )
    return array.astype(np.int64)


def _present(values: ArrayLike, like: Matrix) -> BoolArray:
    array = as_numpy(values)
    if array.ndim != 2:
        present = np.zeros(like.shape, bool)
        present[np.arange(len(like)), _class_ids(values, like)] = True
        return present
    if array.shape != like.shape:
        raise ShapeError(f"`targets` must have shape ({len(like)},) or {like.shape}, got {array.shape}")
    if not ((array == 0) | (array == 1)).all():
        raise InvalidInputError("`targets` must hold only 0 and 1; leave samples of unknown labels out")
    return array.astype(bool)
