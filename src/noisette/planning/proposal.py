"""Which labels to verify next: a share at random, the rest where verdicts hang on what is not yet known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.errors import InvalidInputError, ShapeError
from noisette.planning.regret import verdict_regret
from noisette.planning.sampling import draw
from noisette.types import (
    UNVERIFIED,
    ArrayLike,
    BoolArray,
    Float64Array,
    IntArray,
    RandomState,
    as_generator,
    as_numpy,
)

_FLOOR = 0.05
"""Share of the mean size that every label has: none is out of reach, and no weight 1 / chance is huge."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """B labels to verify.

    Attributes:
        rows: (B,) distinct row numbers, in the order to show, which is random.
        is_audit: (B,) True: drawn uniformly at random from all unverified rows; False: chosen.
        inclusion_probability: (B,) chance in (0, 1] that the whole draw (audit or chosen) takes this row.
    """

    rows: IntArray
    is_audit: BoolArray
    inclusion_probability: Float64Array


def propose(
    label_quality: ArrayLike,
    given_labels: ArrayLike,
    verification_labels: ArrayLike,
    num_classes: int,
    budget: int,
    *,
    audit_share: float = 0.2,
    duplicate_groups: ArrayLike | None = None,
    random_state: RandomState = 0,
) -> Proposal:
    """Propose labels to verify.

    The chosen ones are spread evenly along P(correct): neighbours there tell the same, and strata by the score lower
    the variance of a threshold and a calibration learned from them.

    Args:
        label_quality: (N,) P(given label is correct) in [0, 1].
        given_labels: (N,) class ids in 0..K-1.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified; only unverified rows are proposed.
        num_classes: K.
        budget: how many labels can be checked; fewer are proposed where fewer are left.
        audit_share: share in [0, 1] of the budget drawn uniformly at random.
        duplicate_groups: (N,) ids of groups of the same picture, of which at most one row is proposed; -1 = none.
        random_state: seed or generator. A later draw needs another one: it has to be independent of this.

    Raises:
        ShapeError, InvalidInputError: arrays that do not fit together, or an impossible value.

    Example:
        >>> truth = np.repeat([1, -1], [2, 4])
        >>> found = propose([1, 1, 0.9, 0.5, 0.5, 0.1], [0, 0, 0, 0, 1, 1], truth, 2, budget=2)
        >>> len(found.rows), bool((truth[found.rows] == -1).all())
        (2, True)
    """
    quality = np.asarray(as_numpy(label_quality), dtype=np.float64)
    given = np.asarray(as_numpy(given_labels), dtype=np.int64)
    truth = np.asarray(as_numpy(verification_labels), dtype=np.int64)
    groups = np.full(given.shape, -1) if duplicate_groups is None else np.asarray(as_numpy(duplicate_groups), np.int64)
    _check(quality, given, truth, groups, num_classes, budget, audit_share)
    rng = as_generator(random_state)
    rows = np.flatnonzero(truth == UNVERIFIED)
    size = draw_sizes(quality, rows, np.flatnonzero(truth != UNVERIFIED))
    members, unit_of, sizes = _one_of_each_group(groups[rows], rng)
    unit_size = np.bincount(unit_of, size, minlength=sizes.size) / sizes
    count = min(budget, sizes.size)
    num_audit = round(audit_share * count)
    units, is_audit, chances = draw(unit_size, quality[rows[members]], num_audit, count - num_audit, rng)
    return Proposal(rows[members[units]], is_audit, chances[units] / sizes[units])


def draw_sizes(quality: Float64Array, rows: IntArray, verified: IntArray) -> Float64Array:
    """Give how much is to be learned of each of the rows, (len(rows),), 1 on the average, apart from the floor.

    Squared: a label tells about those like it (their regret), the more, the less sure it is itself. Replays of real
    data hardly tell powers from 1 to 3 apart.
    """
    regret = verdict_regret(quality, verified)[rows] ** 2
    mean = float(regret.mean()) if rows.size else 0.0
    sizes: Float64Array = (regret / mean if mean > 0 else np.ones(rows.size)) + _FLOOR
    return sizes


def _one_of_each_group(groups: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray, IntArray]:
    """Give a random member of each unit (a group, or a row without one), the unit of each row, and the units' sizes."""
    alone = np.flatnonzero(groups < 0)
    if alone.size == groups.size:
        return alone, alone, np.ones(alone.size, dtype=np.int64)
    names = groups.copy()
    names[alone] = groups.max() + 1 + np.arange(alone.size)
    order = rng.permutation(groups.size)
    _, first, unit_of, sizes = np.unique(names[order], return_index=True, return_inverse=True, return_counts=True)
    unit_of_row = np.empty_like(order)
    unit_of_row[order] = unit_of
    return order[first], unit_of_row, sizes.astype(np.int64)


def _check(
    quality: Float64Array,
    given: IntArray,
    truth: IntArray,
    groups: IntArray,
    num_classes: int,
    budget: int,
    audit_share: float,
) -> None:
    for name, values in (("given_labels", given), ("verification_labels", truth), ("duplicate_groups", groups)):
        if quality.ndim != 1 or values.shape != quality.shape:
            raise ShapeError(f"`{name}` must have shape (N,), as `label_quality` {quality.shape}, got {values.shape}")
    if not ((quality >= 0) & (quality <= 1)).all():
        raise InvalidInputError("`label_quality` must lie in [0, 1], without NaN; calibrate the scores first")
    if given.size and not 0 <= given.min() <= given.max() < num_classes:
        raise InvalidInputError(f"`given_labels` must lie in 0..{num_classes - 1}, got {given.min()} to {given.max()}")
    if budget < 1:
        raise InvalidInputError(f"`budget` must be at least 1, got {budget}")
    if not 0 <= audit_share <= 1:
        raise InvalidInputError(f"`audit_share` must lie in [0, 1], got {audit_share}")
