"""How many given labels are wrong, a class and in all, each with a confidence interval.

The verifier's predicted probabilities are corrected by the verified labels (`corrected`), and added up over the labels
nobody verified, together with what the class's own verified labels say by count (`predicted_rates`); verified labels
count as they are. So a class with verified labels of its own gets a shorter interval than its counts alone would give,
and any other an interval that includes how much predictions are off from class to class. Without predictions, a class
with enough verified labels is counted: the share of wrong ones, with Wilson's interval, less wide where much of the
class is verified.

All this holds for verified labels drawn at random within their class, or weighted by 1 / inclusion probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from noisette.errors import InvalidInputError, ShapeError
from noisette.scores.class_counts import ClassCounts
from noisette.scores.class_shifts import wrong_log_odds
from noisette.scores.corrected import correct_predictions
from noisette.scores.intervals import normal_quantile, wilson_of_share
from noisette.scores.predicted_rates import predicted_shares
from noisette.types import CORRECT, MISLABELLED, UNVERIFIED, BoolArray, Float64Array, IntArray

Source = Literal["counted", "modelled", "guessed", "not known"]
MIN_VERIFIED = 20
"""Verified labels from which a class is judged by its own labels first of all."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, kw_only=True)
class NoiseRates:
    """Estimated share of wrong labels in each given class; arrays are (K,), shares in [0, 1].

    Attributes:
        rate: estimate; NaN where nothing is known (no samples; or neither verified labels nor a model).
        low: lower end of the interval; where it cannot be estimated the trivial one: every unverified label correct.
        high: upper end; the trivial one: every unverified label wrong.
        source: "counted" = the class has `min_verified` verified labels of its own, or is verified as a whole;
            "modelled" = predicted, corrected by verified labels, most of them of other classes; "guessed" = predicted,
            with fewer than 3 verified classes to say how far off it may be; "not known".
        num_samples: samples that carry the label.
        num_verified: how many of them are verified.
        num_wrong: how many of those are mislabelled.
        total: number of wrong labels in all; its value is NaN where a class with samples is not known.
        level: confidence level of all intervals.
    """

    rate: Float64Array
    low: Float64Array
    high: Float64Array
    source: tuple[Source, ...]
    num_samples: IntArray
    num_verified: IntArray
    num_wrong: IntArray
    total: Estimate
    level: float


def estimate_noise_rates(
    given_labels: IntArray,
    label_quality: Float64Array | None,
    verification_labels: IntArray,
    num_classes: int,
    *,
    level: float = 0.95,
    min_verified: int = MIN_VERIFIED,
    sample_weight: Float64Array | None = None,
) -> NoiseRates:
    """Estimate the noise rate of every class, and the number of wrong labels in all.

    Args:
        given_labels: (N,) class ids.
        label_quality: (N,) the verifier's P(given label is correct), out of sample and *before* human decisions are
            applied; None, or NaN in a class: there is no prediction for it.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        num_classes: K.
        level: confidence level in (0, 1).
        min_verified: verified labels from which a class is judged by itself (a fully verified one always is).
        sample_weight: (N,) 1 / inclusion probability of the verified samples; None = all alike.

    Raises:
        ShapeError, InvalidInputError: arrays that do not fit together, or an impossible option.

    Example:
        >>> given, truth = np.zeros(100, dtype=int), np.repeat([0, 1, -1], [10, 30, 60])
        >>> found = estimate_noise_rates(given, None, truth, num_classes=1)
        >>> found.total.value, round(found.total.low), round(found.total.high), found.source
        (25.0, 16, 37, ('counted',))
    """
    quality = np.full(given_labels.size, np.nan) if label_quality is None else label_quality
    weight = np.ones(given_labels.size) if sample_weight is None else sample_weight
    check_estimation(given_labels, quality, verification_labels, weight)
    if min_verified < 1:
        raise InvalidInputError(f"`min_verified` must be at least 1, got {min_verified}")
    z = normal_quantile(level)
    count = ClassCounts.of(given_labels, verification_labels, weight, num_classes)
    by_counts = np.where(
        count.counted(min_verified), [count.share, *wilson_of_share(count.share, count.trials(), z)], np.nan
    )
    predicted = _predict(given_labels, quality, verification_labels, weight, count, level)
    ranges = np.where(predicted.classes, predicted.rates, by_counts)
    known = np.isfinite(ranges[0])
    kinds = np.select(
        [~known, count.counted(min_verified), np.full(num_classes, predicted.can_bound)],
        ["not known", "counted", "modelled"],
        "guessed",
    )
    least, most = count.bounds()
    bounded = np.isin(kinds, ("counted", "modelled"))
    value, low, high = np.clip(np.where(bounded, ranges, [ranges[0], least, most]), least, most)
    return NoiseRates(
        rate=value,
        low=low,
        high=high,
        source=tuple(kinds.tolist()),
        num_samples=count.samples,
        num_verified=count.verified,
        num_wrong=count.wrong,
        total=_total(np.array([value, low, high]), count, bounded, predicted),
        level=level,
    )


@dataclass(frozen=True, eq=False)
class _Predicted:
    """What predictions say of the classes that have them.

    Attributes:
        classes: (K,) mask of those classes.
        rates: (3, K) rate, low, high.
        total: (3,) number of wrong labels in all those classes.
        can_bound: False where too few classes are verified to say how far off the others may be.
    """

    classes: BoolArray
    rates: Float64Array
    total: Float64Array
    can_bound: bool


def _predict(
    given: IntArray, quality: Float64Array, truth: IntArray, weight: Float64Array, count: ClassCounts, level: float
) -> _Predicted:
    num_classes, is_known = count.samples.size, np.isfinite(quality)
    lacking = np.bincount(given[~is_known & (truth == UNVERIFIED)], minlength=num_classes)
    classes = (lacking == 0) & (count.samples > 0)
    if not (is_known.any() and classes.any()):
        nothing = np.full((3, num_classes), np.nan)
        return _Predicted(np.zeros_like(classes), nothing, np.zeros(3), can_bound=False)
    rows = np.flatnonzero((truth == UNVERIFIED) & classes[given])
    corrected = correct_predictions(given, quality, truth, weight, num_classes)
    log_odds = wrong_log_odds(quality[rows])
    shares, all_shares = predicted_shares(corrected, log_odds, given[rows], level)
    size = np.maximum(count.samples, 1)
    rates = (count.wrong + np.nan_to_num(shares.ranges()) * count.unverified) / size
    total = count.wrong[classes].sum() + np.nan_to_num(all_shares.ranges()[:, 0]) * rows.size
    return _Predicted(classes, rates, total, corrected.can_bound)


def _total(rates: Float64Array, count: ClassCounts, bounded: BoolArray, predicted: _Predicted) -> Estimate:
    """Add up the classes: independent errors in quadrature (Zou and Donner, 2008), those of predictions as predicted.

    A class without an interval may be anything between all correct and all wrong.
    """
    used = count.samples > 0
    size = np.where(used, count.samples, 0)
    value, low, high = np.where(used, rates, 0.0)
    together = predicted.classes & predicted.can_bound
    middle, least, most = predicted.total if together.any() else np.zeros(3)
    alone, open_ended = used & bounded & ~together, used & ~bounded
    total = float((size * value)[~together].sum() + middle)
    ends = []
    for apart, part in ((size * (value - low), middle - least), (size * (high - value), most - middle)):
        ends.append(float(np.sqrt((apart[alone] ** 2).sum() + part**2) + apart[open_ended].sum()))
    fewest, greatest = int(count.wrong.sum()), int(count.wrong.sum() + count.unverified.sum())
    if np.isnan(total):
        return Estimate(total, fewest, greatest)
    return Estimate(total, max(fewest, total - ends[0]), min(greatest, total + ends[1]))


def check_estimation(given: IntArray, quality: Float64Array, truth: IntArray, weight: Float64Array) -> None:
    """Check (N,) given labels, label quality, verification labels and weights, as the caller of an estimate gave them.

    Raises:
        ShapeError, InvalidInputError: arrays that do not fit together, or hold impossible values.
    """
    for name, values in (("label_quality", quality), ("verification_labels", truth), ("sample_weight", weight)):
        if values.shape != given.shape:
            raise ShapeError(f"`{name}` must have shape {given.shape}, got {values.shape}")
    if not np.isin(truth, (CORRECT, MISLABELLED, UNVERIFIED)).all():
        raise InvalidInputError("`verification_labels` must hold only 1, 0 and -1")
    if ((quality < 0) | (quality > 1)).any():
        raise InvalidInputError("`label_quality` must lie in [0, 1]; calibrate the scores first")
    if not (weight[truth != UNVERIFIED] > 0).all():
        raise InvalidInputError("`sample_weight` of verified samples must be above 0")
