"""The figure of joint training: errors of finding wrong labels, and accuracies of the classifier, round by round."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from noisette.report.drawing import ACCENT, CORRECT, MUTED, SERIES, SURFACE, WRONG, drawing, to_svg
from noisette.report.records import RoundFigures
from noisette.report.words import percent

_WIDE, _HIGH = 10.4, 4.1
_PERCENT = FuncFormatter(lambda share, _place: f"{100 * share:.3g} %")
_LOOKS = (ACCENT, CORRECT, *SERIES)
Line = tuple[str, list[float], str, str]
"""What it is called, a value a round (NaN = none), colour, marker."""


def rounds_figure(rounds: Sequence[RoundFigures]) -> str:
    """Draw detection error and accuracy against the round; give an SVG element for a page with the report's style."""
    errors: list[Line] = [
        ("checked labels that the verifier had not seen", [one.detection_error for one in rounds], WRONG, "o"),
        ("checked labels of validation and test", [one.held_out_error for one in rounds], SERIES[0], "s"),
    ]
    kinds = list(dict.fromkeys(name for one in rounds for name in one.accuracy))
    accuracies: list[Line] = [
        (kind, [one.accuracy.get(kind, math.nan) for one in rounds], _LOOKS[i % len(_LOOKS)], "osD^v"[i % 5])
        for i, kind in enumerate(kinds)
    ]
    names = [one.name for one in rounds]
    with drawing(_WIDE, _HIGH) as (figure, axes):
        axes.remove()
        parts = figure.subplot_mosaic([["errors", "accuracies"]])
        _draw(parts["errors"], names, errors, "average error of finding wrong labels", "no checked labels")
        _draw(parts["accuracies"], names, accuracies, "top-1 accuracy of the classifier", "no validation or test split")
        listing = "; ".join(
            f"{title}, {name}: {_listed(names, values)}"
            for title, lines in (("Error of finding wrong labels", errors), ("Accuracy", accuracies))
            for name, values, _, _ in lines
            if _is_known(values)
        )
        return to_svg(figure, "rounds", f"Joint training, round by round. {listing}.")


def _draw(axes: Axes, names: list[str], lines: list[Line], title: str, otherwise: str) -> None:
    places = np.arange(len(names))
    drawn = [line for line in lines if _is_known(line[1])]
    for name, values, color, marker in drawn:
        known = np.isfinite(values)
        # A point that is missing between two others leaves no gap.
        axes.plot(
            places[known],
            np.array(values)[known],
            color=color,
            marker=marker,
            markersize=6.5,
            markeredgecolor=SURFACE,
            label=name,
            clip_on=False,
        )
    axes.set_xticks(places, names)
    axes.set_xlim(-0.25, len(names) - 0.75)
    axes.grid(axis="x", visible=False)
    axes.yaxis.set_major_formatter(_PERCENT)
    axes.set(xlabel="round", ylabel=title)
    if drawn:
        # No difference is blown up beyond what a percent point is.
        low, high = axes.get_ylim()
        middle, half = (low + high) / 2, max((high - low) / 2, 0.01)
        axes.set_ylim(max(0.0, middle - 1.1 * half), min(1.0, middle + 1.1 * half))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3)
    else:
        axes.set_ylim(0, 1)
        axes.annotate(otherwise, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", color=MUTED)


def _is_known(values: list[float]) -> bool:
    return any(math.isfinite(value) for value in values)


def _listed(names: list[str], values: list[float]) -> str:
    return ", ".join(f"round {name} {percent(value)}" for name, value in zip(names, values, strict=True))
