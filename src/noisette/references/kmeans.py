"""References by K-means: a class is represented by the centres of all features that carry its label, right or wrong."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.types import (
    ArrayLike,
    FeatureTable,
    Float32Array,
    IntArray,
    Progress,
    RandomState,
    as_generator,
    as_numpy,
    as_table,
    silent,
)

MAX_ITERATIONS = 50


def find_references(
    features: ArrayLike | FeatureTable,
    given_labels: ArrayLike,
    num_classes: int,
    num_references: int = 32,
    random_state: RandomState = 0,
    *,
    num_workers: int | None = None,
    progress: Progress = silent,
) -> Float32Array:
    """Find the representative features of every class: K-means (k-means++, one start) on the raw features of the class.

    One class a worker is in memory at a time.

    Args:
        features: (N, D) finite floats, or a `FeatureTable`.
        given_labels: (N,) class ids in 0..K-1.
        num_classes: K.
        num_references: R, references a class.
        random_state: integer seed or numpy generator; each class has its own stream.
        num_workers: classes worked on at once, in threads; the result does not depend on it. None = one a core, 8 at
            most.
        progress: called as ``progress("references", classes done, K)``.

    Returns:
        (K, R, D) float32. A class with fewer than R distinct rows gives these rows, in the order they come, then rows
        of NaN; a class without samples gives NaN alone.

    Raises:
        ShapeError: lengths or dimensions do not fit together.
        InvalidInputError: a feature is NaN or infinite, or a count is below 1.
        UnknownClassError: a label is outside 0..K-1.

    Example:
        >>> features = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
        >>> find_references(features, [0, 0, 0, 0, 1], num_classes=2, num_references=2)[:, :, 0].round(2)
        array([[0.05, 5.05],
               [9.  ,  nan]], dtype=float32)
    """
    table = as_table(features)
    labels = _check(table, given_labels, num_classes, num_references, num_workers)
    seeds = as_generator(random_state).integers(1 << 31, size=num_classes)
    references = np.full((num_classes, num_references, table.num_features), np.nan, dtype=np.float32)
    workers = num_workers or min(8, os.cpu_count() or 1)
    controller = ThreadpoolController()
    # Summing in one thread a class keeps the bytes the same for any number of workers. The limit on BLAS holds for the
    # whole process, that on OpenMP for one thread only, so `_centres` sets it again.
    with controller.limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near-copies may leave fewer clusters than R
        jobs = (
            partial(_centres, values, rows, num_references, int(seeds[k]), controller)
            for k, (rows, values) in enumerate(_classes(table, labels, num_classes))
        )
        for k, centres in enumerate(_in_threads(jobs, workers)):
            references[k, : len(centres)] = centres
            progress("references", k + 1, num_classes)
    return references


def _in_threads(jobs: Iterator[Callable[[], Float32Array]], workers: int) -> Iterator[Float32Array]:
    """Yield the jobs' results in order, `workers` of them under way at a time; the next is not made before."""
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Float32Array]] = deque()
        for job in jobs:
            pending.append(pool.submit(job))
            if len(pending) == workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _classes(table: FeatureTable, labels: IntArray, num_classes: int) -> Iterator[tuple[IntArray, Float32Array]]:
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(num_classes + 1))
    for k in range(num_classes):
        rows = order[bounds[k] : bounds[k + 1]]
        yield rows, table.take(rows)


def _centres(
    values: Float32Array, rows: IntArray, num_references: int, seed: int, controller: ThreadpoolController
) -> Float32Array:
    """Give the (<= R, D) references of one class."""
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        raise InvalidInputError(
            f"`features` must hold finite numbers, got NaN or infinity in row {rows[bad[0]]}; leave such rows out or "
            "extract them again"
        )
    distinct = _distinct(values, num_references + 1)
    if len(distinct) <= num_references:
        return distinct
    with controller.limit(limits=1, user_api="openmp"):
        model = KMeans(num_references, n_init=1, max_iter=MAX_ITERATIONS, random_state=seed).fit(values)
    centres: Float32Array = model.cluster_centers_.astype(np.float32)
    return centres


def _distinct(values: Float32Array, enough: int) -> Float32Array:
    """Give the first distinct rows, in order; stop at `enough` of them."""
    seen: dict[bytes, int] = {}
    for i, row in enumerate(values):
        seen.setdefault((row + np.float32(0)).tobytes(), i)  # + 0 makes one of 0.0 and -0.0
        if len(seen) == enough:
            break
    return values[list(seen.values())]


def _check(
    table: FeatureTable, given_labels: ArrayLike, num_classes: int, num_references: int, num_workers: int | None
) -> IntArray:
    for name, value in {
        "num_classes": num_classes,
        "num_references": num_references,
        "num_workers": num_workers,
    }.items():
        if value is not None and value < 1:
            raise InvalidInputError(f"`{name}` must be at least 1, got {value}")
    labels = as_numpy(given_labels)
    if labels.shape != (table.num_rows,):
        raise ShapeError(
            f"`given_labels` must have shape ({table.num_rows},), one entry a row of `features`, got {labels.shape}"
        )
    if labels.size and labels.dtype.kind not in "iu":
        raise InvalidInputError(f"`given_labels` must hold whole numbers, got dtype {labels.dtype}; use class ids")
    bad = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if bad.size:
        raise UnknownClassError(
            f"`given_labels` must lie in 0..{num_classes - 1}, got {labels[bad[0]]} at position {bad[0]}"
        )
    return labels.astype(np.int64)
