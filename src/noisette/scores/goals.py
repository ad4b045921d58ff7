"""What labels are flagged for: the lowest error, a wanted precision of the flagged ones, or a review budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.types import UNVERIFIED, BoolArray, Float64Array, IntArray

GoalKind = Literal["error", "precision", "budget"]


@dataclass(frozen=True)
class Goal:
    """What labels are flagged for.

    Attributes:
        kind: "error" = as few wrong verdicts as possible, "precision" = as many labels as possible of which a wanted
            share is expected to be wrong, "budget" = so many labels, the most suspicious ones.
        value: the precision in (0, 1], or the number of labels >= 0; 0 for "error".
    """

    kind: GoalKind = "error"
    value: float = 0.0

    def __str__(self) -> str:
        """Give the goal as it is written in settings."""
        if self.kind == "error":
            return self.kind
        return f"{self.kind}={self.value:.15g}"


@dataclass(frozen=True, eq=False)
class Flagged:
    """Labels taken to be wrong among those nobody verified.

    Attributes:
        rows: (N,) mask; False on verified rows, which human decisions settle.
        threshold: score below which labels are flagged (of equal scores at the end of a budget only some may be);
            None = there is none.
        precision: expected share of wrong ones among them, in [0, 1]; NaN where nothing is flagged or there are no
            probabilities.
    """

    rows: BoolArray
    threshold: float | None
    precision: float

    @property
    def count(self) -> int:
        """Number of flagged labels."""
        return int(self.rows.sum())


def parse_goal(text: str) -> Goal:
    """Read a goal as people write it: ``error``, ``precision=0.9``, ``budget=500``.

    Raises:
        InvalidInputError: it is no goal.

    Example:
        >>> parse_goal("precision=0.9")
        Goal(kind='precision', value=0.9)
    """
    kind, _, number = (part.strip() for part in text.partition("="))
    try:
        value = float(number) if number else math.nan
    except ValueError:
        value = math.inf  # which is out of every range
    if kind == "error" and not number:
        return Goal()
    if kind == "precision" and 0 < value <= 1:
        return Goal("precision", value)
    if kind == "budget" and value >= 0 and value.is_integer():
        return Goal("budget", value)
    raise InvalidInputError(
        "`goal` must be error, precision=SHARE with a share above 0 and up to 1, or budget=NUMBER with a whole number, "
        f"got {text!r}"
    )


def flag_labels(
    goal: Goal,
    scores: Float64Array,
    label_quality: Float64Array | None,
    verification_labels: IntArray,
    threshold: float | None,
) -> Flagged:
    """Choose the labels to flag among those nobody verified.

    Args:
        goal: what for.
        scores: (N,) high = more likely correct.
        label_quality: (N,) calibrated P(given label is correct), never falling with the score; None = there is none.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        threshold: score from which a label counts as correct with the lowest error; None = there is none.

    Raises:
        NotVerifiedError: a precision is wanted, and there are no probabilities.

    Example:
        >>> quality = np.array([0.05, 0.15, 0.4, 0.9, 0.0])
        >>> found = flag_labels(Goal("precision", 0.8), quality, quality, np.array([-1, -1, -1, -1, 0]), 0.5)
        >>> found.rows.tolist(), round(found.precision, 2)
        ([True, True, True, False, False], 0.8)
    """
    unverified = np.flatnonzero(verification_labels == UNVERIFIED)
    ranked = unverified[np.argsort(scores[unverified], kind="stable")]
    if goal.kind == "precision":
        if label_quality is None:
            raise NotVerifiedError(
                f"the goal {goal} needs probabilities, and those need verification labels of both kinds, correct and "
                "mislabelled; verify some labels, or take the goal budget=NUMBER"
            )
        count = _most_at_precision(scores[ranked], 1.0 - label_quality[ranked], goal.value)
    elif goal.kind == "budget":
        count = min(int(goal.value), ranked.size)
    else:
        count = 0 if threshold is None else int((scores[ranked] < threshold).sum())
        return _flagged(ranked[:count], label_quality, scores.size, threshold)
    return _flagged(ranked[:count], label_quality, scores.size, _between(scores[ranked], count))


def _most_at_precision(scores: Float64Array, wrong: Float64Array, precision: float) -> int:
    """Give how many of the lowest scores (ascending) can be flagged; equal scores are flagged together."""
    expected = np.cumsum(wrong) / np.arange(1, wrong.size + 1)
    is_cut = np.append(scores[1:] > scores[:-1], True)[: scores.size]
    enough = np.flatnonzero(is_cut & (expected >= precision - 1e-12))
    return int(enough[-1]) + 1 if enough.size else 0


def _between(ranked: Float64Array, count: int) -> float | None:
    """Give a score that parts the `count` lowest of ascending scores from the rest."""
    if ranked.size == 0:
        return None
    if count == 0:
        return float(ranked[0])
    below = float(ranked[count - 1])
    above = float(ranked[count]) if count < ranked.size else math.nextafter(below, math.inf)
    middle = below + (above - below) / 2
    return middle if middle > below else above


def _flagged(rows: IntArray, quality: Float64Array | None, size: int, threshold: float | None) -> Flagged:
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    known = rows.size > 0 and quality is not None
    return Flagged(mask, threshold, float((1.0 - quality[rows]).mean()) if known and quality is not None else math.nan)
