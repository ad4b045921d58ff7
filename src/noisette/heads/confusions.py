"""What a (K, K) covariance of logits says of pairs of classes. Arrays only: no head is needed, nor torch.

A softmax sees the differences of logits alone. So a covariance S is known up to ``S + b 1^T + 1 b^T``, whatever b is:
the variances of all differences stay. What single covariances mean hangs on the b chosen. `centered` makes rows sum to
0; independent noise then looks correlated, by -1 / (K - 1) where variances are equal and by anything where one class
has most of it. `shared_covariance` chooses b such that independent noise has no covariance, whatever its variances are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from noisette.errors import InvalidInputError, ShapeError
from noisette.types import ArrayLike, Float64Array, IntArray, as_numpy

PairOrder = Literal["shared", "covariance", "correlation", "disagreement"]

_NO_VARIANCE = 1e-10
"""Of the largest variance: below it there is rounding only."""
_ASYMMETRY = 1e-3
_BLOCK = 1 << 24
"""Pairs that are ranked at once."""


@dataclass(frozen=True, kw_only=True)
class ConfusedPair:
    """What is known of two classes.

    Attributes:
        first, second: class ids, first < second.
        names: of the two classes.
        shared: covariance beyond what independent noise explains, see `shared_covariance`; high: they go up and down
            together, against the others.
        covariance: of the matrix given: centred from a softmax head, as published (CVPR 2021).
        correlation: of the shared covariance, in [-1, 1]; of the matrix given where that is what pairs are ordered by.
        difference_variance: Var(u_first - u_second) >= 0; high: noise often changes which of the two is ahead.
        disagreement: the chance that of two labels of a row one is `first` and one `second`; NaN = not given.
    """

    first: int
    second: int
    names: tuple[str, str]
    shared: float
    covariance: float
    correlation: float
    difference_variance: float
    disagreement: float | None


def correlation(covariance: ArrayLike) -> Float64Array:
    """Give the (K, K) correlation made of a covariance: covariances over the product of standard deviations.

    For contrasts, where 0 shall mean independent, make it of `shared_covariance(covariance)`.

    Args:
        covariance: (K, K), symmetric.

    Returns:
        (K, K) float64 in [-1, 1], 1 on the diagonal. A class without variance has 0 with all others.

    Raises:
        ShapeError: `covariance` is not square.
        InvalidInputError: it has NaN or infinite entries, or is not symmetric.

    Example:
        >>> correlation([[4.0, 1.0], [1.0, 1.0]]).tolist()
        [[1.0, 0.5], [0.5, 1.0]]
    """
    return _correlation(_checked(covariance))


def difference_variance(covariance: ArrayLike) -> Float64Array:
    """Give the (K, K) variances of differences, ``Var(u_i - u_j) = S_ii + S_jj - 2 S_ij``, >= 0.

    They are all that a softmax or an argmax can see of the noise, so they are the same before and after centring.
    Arguments and errors as `correlation`.

    Example:
        >>> difference_variance([[4.0, 1.0], [1.0, 1.0]]).tolist()
        [[0.0, 3.0], [3.0, 0.0]]
    """
    return _difference_variance(_checked(covariance))


def shared_covariance(covariance: ArrayLike) -> Float64Array:
    """Give the (K, K) covariance beyond what independent noise explains; its differences vary as they did.

    Of all matrices with the same variances of differences, it is the one whose covariances sum to 0 in each row
    (the diagonal left out). Its diagonal is the independent noise that fits those variances best (least squares), so
    it may fall below 0 where a class has less noise than independence allows.

    With four classes or more, independent noise of any variances gives 0 off the diagonal. Three classes or two have no
    more differences than variances: nothing is left to be shared, and all off the diagonal is 0.

    Arguments and errors as `correlation`; the matrix may be centred or not, which makes no difference.

    Example:
        >>> import numpy as np
        >>> independent = np.diag([1.0, 2.0, 3.0, 100.0])
        >>> centred = independent - independent.mean(0) - independent.mean(1)[:, None] + independent.mean()
        >>> np.allclose(shared_covariance(centred), independent)
        True
    """
    return _shared(_checked(covariance))


def confused_pairs(
    covariance: ArrayLike,
    class_names: Sequence[str] | None = None,
    top: int = 10,
    *,
    by: PairOrder = "shared",
    disagreement: ArrayLike | None = None,
) -> list[ConfusedPair]:
    """List the pairs of classes that noise ties together most, or that labels confuse most.

    Which order to take:

    - "shared": covariance beyond independent noise. Classes of unequal variance and few classes do it no harm.
    - "covariance": entries of the matrix as it is. Of a softmax head it is what is published (CVPR 2021), and with
      hundreds of classes much like "shared"; with few, or where one class has most of the noise, centring alone makes
      the order. Of a multi-label head, where nothing is centred, it is the one to take.
    - "correlation": as "covariance", over the standard deviations, so that quiet classes count as much as noisy ones.
    - "disagreement": the chance that two labels of a row are this pair. It says which classes the data confuse; give
      `label_disagreement(...).label_noise` for the part that the noise explains. The others say what the noise of the
      logits is like, which is another thing: where the noise of two classes goes together, they rise above the other
      classes together, and neither gets ahead of the other by it.

    Args:
        covariance: (K, K), of `average_covariance` or a head's `covariance`.
        class_names: K names; None = the class ids.
        top: how many pairs at most.
        by: the order, largest first.
        disagreement: (K, K), of `label_disagreement`; needed for the order of that name.

    Raises:
        ShapeError: a matrix is not (K, K), or there are not K names.
        InvalidInputError: NaN, infinite or asymmetric entries, an unknown order, `top` below 0, no `disagreement`.

    Example:
        >>> noise = [[2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]]
        >>> [pair.names for pair in confused_pairs(noise, ["cat", "dog", "car", "ship"], top=1)]
        [('cat', 'dog')]
    """
    matrix = _checked(covariance)
    names = _names(class_names, len(matrix))
    labels = None if disagreement is None else _checked(disagreement, "disagreement", len(matrix))
    if by not in get_args(PairOrder):
        raise InvalidInputError(f"`by` must be one of {', '.join(get_args(PairOrder))}, got {by!r}")
    if top < 0:
        raise InvalidInputError(f"`top` must be 0 or more, got {top}")
    if by == "disagreement" and labels is None:
        raise InvalidInputError(
            "`disagreement` is needed for by='disagreement'; give `label_disagreement(head, batches).total`"
        )
    shared = _shared(matrix)
    correlations = _correlation(matrix if by in ("covariance", "correlation") else shared)
    orders = {"shared": shared, "covariance": matrix, "correlation": correlations, "disagreement": labels}
    order = orders[by]
    assert order is not None
    first, second = _largest(order, top)
    return [
        ConfusedPair(
            first=i,
            second=j,
            names=(names[i], names[j]),
            shared=float(shared[i, j]),
            covariance=float(matrix[i, j]),
            correlation=float(correlations[i, j]),
            difference_variance=max(0.0, float(matrix[i, i] + matrix[j, j] - 2 * matrix[i, j])),
            disagreement=None if labels is None else float(labels[i, j]),
        )
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    ]


def _correlation(matrix: Float64Array) -> Float64Array:
    variance = np.diag(matrix)
    has_any = variance > _NO_VARIANCE * variance.max(initial=0.0)
    scale = np.where(has_any, 1 / np.sqrt(np.where(has_any, variance, 1.0)), 0.0)
    found = np.clip(matrix * scale[:, None] * scale, -1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    return found


def _difference_variance(matrix: Float64Array) -> Float64Array:
    variance = np.diag(matrix)
    found = np.maximum(variance[:, None] + variance - 2 * matrix, 0.0)
    np.fill_diagonal(found, 0.0)
    return found


def _shared(matrix: Float64Array) -> Float64Array:
    size = len(matrix)
    differences = _difference_variance(matrix)
    if size <= 2:
        return np.diag(differences.sum(1) / 2)
    # Least squares of D_ij = a_i + a_j over i != j.
    rows = differences.sum(1)
    own = (rows - rows.sum() / (2 * (size - 1))) / (size - 2)
    found: Float64Array = (own[:, None] + own - differences) / 2
    if size == 3:
        return np.diag(own)
    np.fill_diagonal(found, own)
    return found


def _largest(order: Float64Array, top: int) -> tuple[IntArray, IntArray]:
    """Give the places of the largest entries above the diagonal, largest first; a stretch of rows at a time."""
    size = len(order)
    rows_at_once = max(1, _BLOCK // max(1, size))
    columns = np.arange(size)
    values, places = np.empty(0), np.empty(0, dtype=np.int64)
    for start in range(0, size if top else 0, rows_at_once):
        rows = columns[start : start + rows_at_once]
        pairs = np.flatnonzero(columns > rows[:, None]) + start * size
        values = np.concatenate([values, order.ravel()[pairs]])
        places = np.concatenate([places, pairs])
        if values.size > top:
            kept = np.argpartition(-values, top - 1)[:top]
            values, places = values[kept], places[kept]
    places = places[np.lexsort((places, -values))]
    return places // size if size else places, places % size if size else places


def _names(class_names: Sequence[str] | None, size: int) -> list[str]:
    if class_names is None:
        return [str(i) for i in range(size)]
    if len(class_names) != size:
        raise ShapeError(f"`class_names` must have {size} names, one a class of `covariance`, got {len(class_names)}")
    return list(class_names)


def _checked(matrix: ArrayLike, name: str = "covariance", size: int | None = None) -> Float64Array:
    found = np.asarray(as_numpy(matrix), dtype=np.float64)
    wanted = "K, K" if size is None else f"{size}, {size}"
    if found.ndim != 2 or found.shape[0] != found.shape[1] or size not in (None, len(found)):
        raise ShapeError(f"`{name}` must have shape ({wanted}), got {found.shape}; average over rows first")
    if not np.isfinite(found).all():
        i, j = np.argwhere(~np.isfinite(found))[0].tolist()
        raise InvalidInputError(
            f"`{name}` must be finite, got {found[i, j]} for classes {i} and {j}; did the training of the head diverge?"
        )
    if np.abs(found - found.T).max(initial=0.0) > _ASYMMETRY * np.abs(found).max(initial=0.0):
        raise InvalidInputError(f"`{name}` must be symmetric, and is not; is it a covariance of classes?")
    return found
