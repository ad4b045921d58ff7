"""How many given labels are wrong, a class and in all, each with a confidence interval.

A class with enough verified labels is counted: the share of wrong ones, with Wilson's interval (less wide where much of
the class is verified). Any other class is modelled: the mean predicted probability of being wrong, corrected by what
verified labels say about such predictions (the idea of prediction-powered inference, Angelopoulos et al., 2023); its
interval includes how much this correction differs between classes.

All this holds for verified labels drawn at random within their class, or weighted by 1 / inclusion probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from noisette.errors import InvalidInputError, ShapeError
from noisette.scores.class_counts import ClassCounts
from noisette.scores.intervals import normal_quantile, wilson_of_share
from noisette.scores.residuals import ResidualModel, fit_residuals
from noisette.types import CORRECT, MISLABELLED, UNVERIFIED, BoolArray, Float64Array, IntArray

Source = Literal["counted", "modelled", "guessed", "not known"]
MIN_VERIFIED = 20
"""Verified labels from which a class is counted by itself."""


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
        source: "counted" from the class's own verified labels; "modelled" = predicted, corrected by verified labels;
            "guessed" = predicted, with fewer than 3 verified classes to say how far off it may be; "not known".
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
        min_verified: verified labels from which a class is counted by itself (a fully verified one always is).
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
    _check(given_labels, quality, verification_labels, weight, min_verified)
    z = normal_quantile(level)
    count = ClassCounts.of(given_labels, verification_labels, weight, num_classes)
    model = _fit_model(given_labels, quality, verification_labels, weight, num_classes, level)
    counted = count.counted(min_verified)
    ranges = np.where(counted, _count_rates(count, z), _model_rates(count, model, quality, given_labels))
    known = np.isfinite(ranges[0])
    least, most = count.bounds()
    value, low, high = np.clip(np.where(known, ranges, [ranges[0], least, most]), least, most)
    return NoiseRates(
        rate=value,
        low=low,
        high=high,
        source=tuple(_source(bool(c), bool(k), model) for c, k in zip(counted, known, strict=True)),
        num_samples=count.samples,
        num_verified=count.verified,
        num_wrong=count.wrong,
        total=_total(np.array([value, low, high]), counted, count, model),
        level=level,
    )


def _fit_model(
    given: IntArray, quality: Float64Array, truth: IntArray, weight: Float64Array, num_classes: int, level: float
) -> ResidualModel:
    rows = np.flatnonzero((truth != UNVERIFIED) & np.isfinite(quality))
    predicted = 1.0 - quality[rows]
    residuals = (truth[rows] == MISLABELLED) - predicted
    return fit_residuals(residuals, predicted, given[rows], weight[rows], num_classes, level)


def _count_rates(count: ClassCounts, z: float) -> Float64Array:
    """Give (3, K): rate, low, high of every class by its own verified labels."""
    return np.array([count.share, *wilson_of_share(count.share, count.trials(), z)])


def _model_rates(count: ClassCounts, model: ResidualModel, quality: Float64Array, given: IntArray) -> Float64Array:
    """Give (3, K): rate, low, high of every class by the corrected predictions; NaN where there are none."""
    size = np.where(count.samples > 0, count.samples, np.nan)
    rate = np.bincount(given, 1.0 - quality, minlength=count.samples.size) / size + model.correction
    if not model.can_bound:
        return np.array([rate, *count.bounds()])
    variance = _own_variance(count, model) + model.shared**2 * model.shared_variance
    half = model.quantile * np.sqrt(variance)
    rates: Float64Array = np.clip(np.array([rate, rate - half, rate + half]), 0.0, 1.0)
    return rates


def _own_variance(count: ClassCounts, model: ResidualModel) -> Float64Array:
    """Give what is uncertain about each class by itself: its correction, and the chance in its unverified labels."""
    size = np.maximum(count.samples, 1)
    variance: Float64Array = model.variance + model.noise * count.unverified / size**2
    return variance


def _total(rates: Float64Array, counted: BoolArray, count: ClassCounts, model: ResidualModel) -> Estimate:
    """Add up the classes: independent errors in quadrature (Zou and Donner, 2008), shared ones linearly."""
    used = np.flatnonzero(count.samples > 0)
    size, (value, low, high) = count.samples[used], rates[:, used]
    by_model = ~counted[used]
    down, up = size * (value - low), size * (high - value)
    if by_model.any() and not model.can_bound:
        spread = [np.sqrt((d[~by_model] ** 2).sum()) + d[by_model].sum() for d in (down, up)]
    else:
        own = model.quantile**2 * (size**2 * _own_variance(count, model)[used])[by_model].sum()
        shared = model.quantile * (size * model.shared[used])[by_model].sum() * np.sqrt(model.shared_variance)
        spread = [np.sqrt((d[~by_model] ** 2).sum() + own + shared**2) for d in (down, up)]
    total = float((size * value).sum())
    least, most = int(count.wrong.sum()), int(count.wrong.sum() + count.unverified.sum())
    if np.isnan(total):
        return Estimate(total, least, most)
    return Estimate(total, max(least, total - float(spread[0])), min(most, total + float(spread[1])))


def _source(counted: bool, known: bool, model: ResidualModel) -> Source:
    if not known:
        return "not known"
    if counted:
        return "counted"
    return "modelled" if model.can_bound else "guessed"


def _check(given: IntArray, quality: Float64Array, truth: IntArray, weight: Float64Array, min_verified: int) -> None:
    for name, values in (("label_quality", quality), ("verification_labels", truth), ("sample_weight", weight)):
        if values.shape != given.shape:
            raise ShapeError(f"`{name}` must have shape {given.shape}, got {values.shape}")
    if not np.isin(truth, (CORRECT, MISLABELLED, UNVERIFIED)).all():
        raise InvalidInputError("`verification_labels` must hold only 1, 0 and -1")
    if ((quality < 0) | (quality > 1)).any():
        raise InvalidInputError("`label_quality` must lie in [0, 1]; calibrate the scores first")
    if not (weight[truth != UNVERIFIED] > 0).all():
        raise InvalidInputError("`sample_weight` of verified samples must be above 0")
    if min_verified < 1:
        raise InvalidInputError(f"`min_verified` must be at least 1, got {min_verified}")
