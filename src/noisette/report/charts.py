"""The figures of a report, each drawn from plain arrays and returned as an SVG element with a description."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from sklearn.metrics import precision_recall_curve, roc_curve

from noisette.functional.detection_metrics import ReliabilityBins
from noisette.report.drawing import (
    ACCENT,
    CORRECT,
    GRID,
    INK,
    MUTED,
    SERIES,
    SURFACE,
    UNVERIFIED,
    WRONG,
    drawing,
    to_svg,
)
from noisette.types import BoolArray, Float64Array, IntArray

MAX_POINTS = 150
"""Points kept of a curve: more cannot be told apart at the size of the figure."""

MAX_CURVES = 7
_PERCENT = FuncFormatter(lambda share, _place: f"{100 * share:.3g} %")
_WIDE = 10.4


class Curve(NamedTuple):
    """One line of a curve figure. `quality` is the area or average precision shown in the legend."""

    name: str
    scores: Float64Array
    truth: IntArray
    quality: float
    chosen: bool


class ClassRates(NamedTuple):
    """Noise rates to draw, worst first; all (C,). `bounded` = the interval says something; `error` NaN = not known."""

    names: list[str]
    rate: Float64Array
    low: Float64Array
    high: Float64Array
    bounded: BoolArray
    counted: BoolArray
    error: Float64Array


def precision_recall_figure(curves: list[Curve]) -> str:
    """Draw precision against recall of finding wrong labels, a line for each verifier."""
    with drawing(5.2, _height(curves)) as (figure, axes):
        for curve, style in _styled(curves):
            precision, recall, _ = precision_recall_curve(curve.truth == 0, -curve.scores)
            x, y = _thinned(recall, precision)
            axes.plot(x, y, label=f"{curve.name}  {curve.quality:.3f}", drawstyle="steps-post", **style)
        share = float(np.mean([np.mean(curve.truth == 0) for curve in curves]))
        axes.axhline(share, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        axes.annotate("by chance", (0.99, share), xytext=(0, 3), textcoords="offset points", color=MUTED, ha="right")
        axes.set(xlabel="share of the wrong labels found", ylabel="share of flagged labels that are wrong")
        _unit_square(axes)
        _legend_below(figure, axes, "average precision")
        listing = ", ".join(f"{c.name} {c.quality:.3f}" for c in curves)
        return to_svg(figure, "pr", f"Precision-recall curves of finding wrong labels. Average precision: {listing}.")


def roc_figure(curves: list[Curve]) -> str:
    """Draw the ROC curve of telling wrong labels from correct ones, a line for each verifier."""
    with drawing(5.2, _height(curves)) as (figure, axes):
        for curve, style in _styled(curves):
            false_alarms, found, _ = roc_curve(curve.truth == 0, -curve.scores)
            axes.plot(*_thinned(false_alarms, found), label=f"{curve.name}  {curve.quality:.3f}", **style)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        axes.set(xlabel="share of the correct labels flagged by mistake", ylabel="share of the wrong labels found")
        _unit_square(axes)
        _legend_below(figure, axes, "area under the curve")
        listing = ", ".join(f"{c.name} {c.quality:.3f}" for c in curves)
        return to_svg(figure, "roc", f"ROC curves of finding wrong labels. Area under the curve: {listing}.")


def histogram_figure(scores: Float64Array, truth: IntArray, threshold: float | None, score_name: str) -> str:
    """Draw how the scores of correct, wrong and unverified labels lie, each group as shares of its own size."""
    groups = [
        (f"not checked ({(truth == -1).sum():,})", scores[truth == -1], UNVERIFIED, True),
        (f"checked, correct ({(truth == 1).sum():,})", scores[truth == 1], CORRECT, False),
        (f"checked, wrong ({(truth == 0).sum():,})", scores[truth == 0], WRONG, False),
    ]
    low, high = float(scores.min()), float(scores.max())
    margin = (high - low) * 0.02 or 0.5
    smallest = min((values.size for _, values, _, _ in groups if values.size), default=1)
    bins = np.linspace(low - margin, high + margin, 1 + int(np.clip(4 * np.sqrt(smallest), 16, 48)))
    with drawing(_WIDE, 3.7) as (figure, axes):
        for name, values, color, filled in groups:
            if values.size == 0:
                continue
            shares = np.histogram(values, bins)[0] / values.size
            axes.stairs(shares, bins, fill=filled, color=color, alpha=0.45 if filled else 1, label=name, linewidth=1.9)
        axes.set(xlabel=f"{score_name} (high = label more likely correct)", ylabel="share of the group")
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.set_xlim(bins[0], bins[-1])
        axes.set_ylim(0, axes.get_ylim()[1] * 1.12)
        words = _mark_threshold(axes, threshold)
        axes.legend(loc="upper left", frameon=True, facecolor=SURFACE, edgecolor=GRID, framealpha=0.85)
        return to_svg(figure, "histogram", f"Histograms of the {score_name} of checked and unchecked labels.{words}")


def reliability_figure(bins: ReliabilityBins, error: float) -> str:
    """Draw the observed share of correct labels against the predicted probability, and how many labels each bin has."""
    used = bins.weight > 0
    size = 20 + 180 * bins.weight[used] / bins.weight.max()
    with drawing(4.6, 3.9) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        axes.vlines(bins.probability[used], bins.probability[used], bins.share[used], color=ACCENT, linewidth=1)
        places = bins.probability[used], bins.share[used]
        axes.scatter(*places, s=size, color=ACCENT, edgecolor=SURFACE, zorder=3, clip_on=False)
        axes.annotate("dotted: as good as it says", (0.98, 0.04), xycoords="axes fraction", ha="right", color=MUTED)
        axes.set(xlabel="predicted probability that the label is correct", ylabel="share of them that are correct")
        _unit_square(axes)
        words = (
            f"Reliability diagram: expected calibration error {error:.3f}; a point on the diagonal is well calibrated."
        )
        return to_svg(figure, "reliability", words)


def class_figure(rates: ClassRates) -> str:
    """Draw the noise rate of each class with its interval, and the detection error where it is known; worst on top."""
    places = np.arange(len(rates.names))[::-1]
    with drawing(_WIDE, 0.9 + 0.27 * len(rates.names)) as (figure, axes):
        sure = rates.bounded
        axes.hlines(places[sure], rates.low[sure], rates.high[sure], color=WRONG, linewidth=4, alpha=0.35)
        kinds = (
            (rates.counted, WRONG, "wrong labels, counted"),
            (~rates.counted & sure, SURFACE, "wrong labels, modelled"),
            (~sure, MUTED, "wrong labels, guessed (no interval)"),
        )
        for rows, fill, name in kinds:
            if rows.any():
                edge = MUTED if fill == MUTED else WRONG
                axes.scatter(
                    rates.rate[rows],
                    places[rows],
                    s=36,
                    color=fill,
                    edgecolor=edge,
                    linewidth=1.4,
                    zorder=3,
                    label=name,
                )
        known = np.isfinite(rates.error)
        if known.any():
            axes.scatter(
                rates.error[known],
                places[known],
                s=30,
                marker="|",
                linewidth=2,
                color=INK,
                zorder=4,
                clip_on=False,
                label="verdicts that are wrong",
            )
        axes.set_yticks(places, rates.names)
        axes.xaxis.set_major_formatter(_PERCENT)
        axes.set_xlim(
            left=0, right=min(1.0, float(np.nanmax([rates.high[sure].max(initial=0), rates.rate.max()])) * 1.08)
        )
        axes.set_ylim(-0.7, len(places) - 0.3)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("share of the class")
        figure.legend(loc="outside upper left", ncols=4, handletextpad=0.3, columnspacing=1.4)
        words = "; ".join(f"{n} {r:.1%}" for n, r in zip(rates.names[:10], rates.rate, strict=False))
        return to_svg(figure, "classes", f"Estimated share of wrong labels in each class, worst first: {words}.")


def _height(curves: list[Curve]) -> float:
    """Give the height of a curve figure in inches: the axes, and a line of the legend for two curves."""
    return 4.1 + 0.2 * ((len(curves) + 1) // 2)


def _styled(curves: list[Curve]) -> list[tuple[Curve, dict[str, Any]]]:
    """Give each curve its look; the chosen verifier is drawn last, in the accent colour."""
    others = [c for c in curves if not c.chosen]
    looks: list[tuple[Curve, dict[str, Any]]] = [
        (c, {"color": SERIES[i % len(SERIES)], "linewidth": 1.3, "linestyle": "-" if i < len(SERIES) else "--"})
        for i, c in enumerate(others)
    ]
    return looks + [(c, {"color": ACCENT, "linewidth": 2.6}) for c in curves if c.chosen]


def _thinned(x: Float64Array, y: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Keep a curve's ends and at most `MAX_POINTS` points, evenly along its length."""
    if x.size <= MAX_POINTS:
        return x, y
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    wanted = np.linspace(0, length[-1], MAX_POINTS)
    keep = np.unique(np.concatenate([[0, x.size - 1], np.clip(np.searchsorted(length, wanted), 0, x.size - 1)]))
    return x[keep], y[keep]


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.02)
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.yaxis.set_major_formatter(_PERCENT)


def _mark_threshold(axes: Axes, threshold: float | None) -> str:
    if threshold is None:
        return ""
    left, right = axes.get_xlim()
    if not left <= threshold <= right:
        return f" The threshold {threshold:.3g} lies outside of them."
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    on_right = threshold < left + 0.7 * (right - left)
    axes.annotate(
        f"threshold {threshold:.3g}",
        (threshold, 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(5 if on_right else -5, 0),
        textcoords="offset points",
        va="top",
        ha="left" if on_right else "right",
    )
    return f" The threshold is {threshold:.3g}."


def _legend_below(figure: Figure, axes: Axes, title: str) -> None:
    """List the curves under the axes, where they hide none of them."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, title=title, loc="outside lower left", ncols=2, alignment="left")
