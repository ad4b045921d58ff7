"""Random draws of which the chance to take each unit is known exactly."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from noisette.types import BoolArray, Float64Array, IntArray


def proportional_probabilities(sizes: Float64Array, count: int) -> Float64Array:
    """Give (M,) chances that sum to `count` and are proportional to `sizes`, but nowhere above 1.

    Args:
        sizes: (M,) numbers above 0.
        count: how many of the M units to draw, 0..M.

    Example:
        >>> proportional_probabilities(np.array([1.0, 1.0, 8.0]), 2).tolist()
        [0.5, 0.5, 1.0]
    """
    chances = np.zeros(sizes.size)
    certain = np.zeros(sizes.size, dtype=np.bool_)
    while (left := count - int(certain.sum())) > 0:
        chances[~certain] = left * sizes[~certain] / sizes[~certain].sum()
        above = ~certain & (chances >= 1)
        if not above.any():
            break
        certain |= above
        chances[above] = 1.0
    return chances


def systematic_sample(chances: Float64Array, order: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw sum(chances) units, each with its own chance, evenly spread along `order` (M,)."""
    count = round(float(chances.sum()))
    ends = np.cumsum(chances[order])
    places = np.searchsorted(ends, rng.random() + np.arange(count), side="right")
    drawn: IntArray = order[np.unique(np.minimum(places, order.size - 1))]
    return drawn


def union_probabilities(chances: Float64Array, num_uniform: int, num_chosen: int) -> Float64Array:
    """Give the chance that a unit is in any of three draws made one after the other.

    A uniform one of `num_uniform` units; an independent one of `num_chosen` by `chances` (M,); and a uniform one from
    the rest of as many units as the first two had in common, so that the total is fixed.
    """
    size = chances.size
    if num_uniform + num_chosen >= size:
        return np.ones(size)
    # Of a unit in neither draw: the overlap of the two among the others, and the chance to be drawn in its place.
    overlap = np.arange(min(num_uniform, num_chosen) + 1)
    weight = _overlap_probabilities(overlap, size - 1, num_uniform, num_chosen)
    filled = float((weight * overlap / (size - num_uniform - num_chosen + overlap)).sum())
    union: Float64Array = 1 - (1 - num_uniform / size) * (1 - chances) * (1 - filled)
    return union


def _overlap_probabilities(overlap: IntArray, size: int, first: int, second: int) -> Float64Array:
    """Give the chances that two independent draws of `first` and `second` of `size` units have so many in common."""

    def log_choose(total: int, part: IntArray | int) -> Float64Array:
        chosen: Float64Array = gammaln(total + 1) - gammaln(part + 1) - gammaln(total - part + 1)
        return chosen

    possible = overlap >= first + second - size
    part = np.where(possible, overlap, first)
    log_chance = log_choose(second, part) + log_choose(size - second, first - part) - log_choose(size, first)
    return np.where(possible, np.exp(log_chance), 0.0)


def draw(
    sizes: Float64Array, along: Float64Array, num_uniform: int, num_chosen: int, rng: np.random.Generator
) -> tuple[IntArray, BoolArray, Float64Array]:
    """Draw `num_uniform` of M units uniformly and `num_chosen` others by size, spread evenly along (M,) numbers.

    Returns:
        The units in random order, a mask of those drawn uniformly, and the (M,) chance of each unit to be among them.
    """
    size = sizes.size
    uniform = rng.choice(size, num_uniform, replace=False)
    chances = proportional_probabilities(sizes, num_chosen)
    order = rng.permutation(size)
    chosen = systematic_sample(chances, order[np.argsort(along[order], kind="stable")], rng)
    taken = np.zeros(size, dtype=np.bool_)
    taken[uniform] = taken[chosen] = True
    rest = np.flatnonzero(~taken)
    taken[rng.choice(rest, num_uniform + num_chosen - int(taken.sum()), replace=False)] = True
    # In random order: a person who stops half way has then checked a random half.
    units = rng.permutation(np.flatnonzero(taken))
    is_uniform = np.zeros(size, dtype=np.bool_)
    is_uniform[uniform] = True
    return units, is_uniform[units], union_probabilities(chances, num_uniform, num_chosen)
