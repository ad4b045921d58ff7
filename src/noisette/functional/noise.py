"""Label noise with a known truth: for demonstrations, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.functional.metric_inputs import check_labels
from noisette.types import ArrayLike, Float64Array, IntArray, RandomState, as_generator, as_numpy


def noise_transition(
    num_classes: int,
    rate: float | ArrayLike,
    *,
    confusable: Mapping[int, Sequence[int]] | None = None,
) -> Float64Array:
    """Build a transition matrix in which each class has its own noise rate and is confused with classes like it.

    Args:
        num_classes: K.
        rate: P(given label is wrong) in [0, 1], one for all classes or (K,) one for each true class.
        confusable: for a class, the classes its samples are mistaken for, equally often; a class that is not named, or
            names none, is mistaken for every other class equally often.

    Returns:
        (K, K) matrix; row i holds P(given label j | true class i) and sums to 1.

    Raises:
        ShapeError, InvalidInputError: a rate outside [0, 1], or a wrong number of rates.
        UnknownClassError: `confusable` names a class outside 0..K-1, or a class as its own mistake.

    Example:
        >>> noise_transition(3, [0.2, 0.0, 0.5], confusable={0: [1]}).round(2).tolist()
        [[0.8, 0.2, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]
    """
    rates = as_numpy(rate).astype(np.float64)
    if rates.shape not in ((), (num_classes,)):
        raise ShapeError(f"`rate` must be one number or have shape ({num_classes},), got shape {rates.shape}")
    if not ((rates >= 0) & (rates <= 1)).all():
        raise InvalidInputError(f"`rate` must lie in [0, 1], got {rates.tolist()}")
    if num_classes < 2 and rates.any():
        raise InvalidInputError(f"`num_classes` must be at least 2 for labels to be wrong, got {num_classes}")
    matrix = np.diag(1.0 - np.broadcast_to(rates, num_classes))
    for label, share in enumerate(np.broadcast_to(rates, num_classes)):
        others = list((confusable or {}).get(label, ())) or [j for j in range(num_classes) if j != label]
        _check_confusable(label, others, num_classes)
        matrix[label, others] = share / max(1, len(others))
    return matrix


def inject_label_noise(labels: ArrayLike, transition: ArrayLike, *, random_state: RandomState = 0) -> IntArray:
    """Draw a given label for each true one.

    Args:
        labels: (N,) true class ids.
        transition: (K, K) P(given label j | true class i), rows summing to 1, see `noise_transition`; or one noise
            rate in [0, 1] for all classes, with mistakes spread over all other classes.
        random_state: integer seed or numpy generator; the same seed gives the same labels.

    Returns:
        (N,) given labels; a sample is mislabelled where they differ from `labels`.

    Raises:
        ShapeError, InvalidInputError: `transition` is not such a matrix.
        UnknownClassError: a label has no row in `transition`.

    Example:
        >>> inject_label_noise([0, 0, 1, 1], [[0, 1], [0, 1]]).tolist()
        [1, 1, 1, 1]
    """
    matrix = as_numpy(transition).astype(np.float64)
    size = as_numpy(labels).size
    if matrix.ndim == 0:
        true = check_labels(labels, size, None)
        matrix = noise_transition(int(true.max(initial=0)) + 1, float(matrix))
    _check_transition(matrix)
    true = check_labels(labels, size, matrix.shape[0])
    draws = as_generator(random_state).random(size)
    given = true.copy()
    for label in np.unique(true):
        rows = np.flatnonzero(true == label)
        cumulative = np.cumsum(matrix[label])
        # Dividing by the last entry makes it exactly 1, so that rounding never leads past the classes of this row.
        given[rows] = np.searchsorted(cumulative / cumulative[-1], draws[rows], side="right")
    return given


def _check_confusable(label: int, others: Sequence[int], num_classes: int) -> None:
    bad = [j for j in others if j == label or not 0 <= j < num_classes]
    if bad:
        raise UnknownClassError(
            f"`confusable` must name other classes in 0..{num_classes - 1}, got {bad[0]} for class {label}"
        )


def _check_transition(matrix: Float64Array) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(f"`transition` must have shape (K, K), got {matrix.shape}")
    bad = np.flatnonzero((matrix < 0).any(axis=1) | ~np.isclose(matrix.sum(axis=1), 1.0))
    if bad.size:
        raise InvalidInputError(
            f"`transition` must hold probabilities, rows summing to 1, but row {bad[0]} is {matrix[bad[0]].tolist()}"
        )
