"""The figure of confused classes: a heat map of the correlation of their noise, and the most confused pairs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import FuncFormatter

from noisette.files import atomic_open
from noisette.report.drawing import ACCENT, GRID, INK, UNVERIFIED, drawing, standalone, to_svg
from noisette.report.records import ClassConfusions
from noisette.report.words import chance
from noisette.types import Float64Array

# A pair that all kinds of colour vision tell apart. They fade into the surface of the page, light or dark, towards 0.
POSITIVE, NEGATIVE = "#dd5f14", "#2a7fc4"
_STRONGEST = 0.92
_SIDE_BY_SIDE, _WITH_NUMBERS = 24, 12
_WIDE, _LONGEST_NAME = 10.4, 22
_PERCENT = FuncFormatter(lambda share, _place: f"{100 * share:.3g} %")


def confusion_figure(found: ClassConfusions) -> str:
    """Draw which classes are confused; give an SVG element for a page with the report's style sheet."""
    size = len(found.class_names)
    beside = size <= _SIDE_BY_SIDE
    rows = max(0.235 * len(found.pairs) + 0.6, 1.2)
    height = max(1.6 + 0.27 * size, rows + 1.1) if beside else 0.9 + 0.14 * size + rows
    with drawing(_WIDE, height) as (figure, axes):
        axes.remove()
        if beside:
            parts = figure.subplot_mosaic(
                [["map", "pairs"], ["map", "scale"]],
                width_ratios=[1.45, 1],
                height_ratios=[max(height - 0.9, 1), 0.13],
            )
        else:
            parts = figure.subplot_mosaic(
                [["map", "map"], ["pairs", "scale"]], height_ratios=[height - rows, rows], width_ratios=[2, 1]
            )
        limit = _limit(found.correlation)
        _draw_map(parts["map"], found, limit)
        _draw_pairs(parts["pairs"], found)
        _draw_scale(parts["scale"] if beside else parts["scale"].inset_axes((0.1, 0.45, 0.8, 0.06)), limit)
        if not beside:
            parts["scale"].axis("off")
        return to_svg(figure, "confusions", _description(found))


def write_confusion_figure(path: str | Path, found: ClassConfusions) -> None:
    """Write the figure of confused classes as an SVG file that needs nothing else; it is either whole or the old one.

    Args:
        path: the file, named .svg; its folder is made.
        found: of `class_confusions`.
    """
    with atomic_open(path) as file:
        file.write(standalone(confusion_figure(found)))


def _draw_map(axes: Axes, found: ClassConfusions, limit: float) -> None:
    size = len(found.class_names)
    names = [_short(name) for name in found.class_names]
    axes.imshow(_colored(found.correlation, limit), interpolation="none", aspect="equal")
    font = 9.5 if size <= _SIDE_BY_SIDE else 6.3
    axes.set_xticks(range(size), names, rotation=90, fontsize=font)
    axes.set_yticks(range(size), names, fontsize=font)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.plot([-0.5, size - 0.5], [-0.5, size - 0.5], color=GRID, linewidth=1)
    if size <= _WITH_NUMBERS:
        for i in range(size):
            for j in range(size):
                if i != j:
                    number = f"{found.correlation[i, j]:z.2f}".replace("-", "\N{MINUS SIGN}")
                    axes.text(j, i, number, ha="center", va="center", fontsize=7.5, color=INK)


def _draw_pairs(axes: Axes, found: ClassConfusions) -> None:
    pairs = found.pairs
    places = np.arange(len(pairs))[::-1]
    values = np.array([pair.value for pair in pairs])
    noise = np.array([pair.label_noise for pair in pairs])
    axes.barh(places, values, height=0.62, color=UNVERIFIED, label="all" if np.isfinite(noise).any() else None)
    if np.isfinite(noise).any():
        axes.barh(
            places, np.clip(np.nan_to_num(noise), 0, values), height=0.62, color=ACCENT, label="noise of the labels"
        )
        axes.legend(loc="lower right")
    axes.set_yticks(places, [f"{_short(pair.names[0])} | {_short(pair.names[1])}" for pair in pairs])
    axes.set_ylim(-0.6, len(pairs) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.locator_params(axis="x", nbins=5)
    if found.are_chances:
        axes.xaxis.set_major_formatter(_PERCENT)
    words = "chance that two labels of a sample are these" if found.are_chances else "covariance of the noise"
    axes.set_xlabel(words)


def _draw_scale(axes: Axes, limit: float) -> None:
    ramp = np.linspace(-limit, limit, 101)
    axes.imshow(_colored(ramp[None], limit), interpolation="none", aspect="auto", extent=(-limit, limit, 0, 1))
    axes.set_xticks([-limit, 0, limit], [f"\N{MINUS SIGN}{limit:g}", "0", f"{limit:g}"])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("correlation of the noise")


def _colored(values: Float64Array, limit: float) -> Float64Array:
    """Give RGBA: the hue is the sign, opacity the size; 0 is not seen at all. A matrix's diagonal is left out."""
    colors = np.empty((*values.shape, 4))
    colors[..., :3] = np.where((values >= 0)[..., None], to_rgb(POSITIVE), to_rgb(NEGATIVE))
    colors[..., 3] = _STRONGEST * np.clip(np.abs(values) / limit, 0, 1)
    if values.shape[0] == values.shape[1]:
        np.fill_diagonal(colors[..., 3], 0)
    return colors


def _limit(correlations: Float64Array) -> float:
    """Give the end of the scale: the largest correlation of two classes, rounded up to a tenth."""
    outside = np.abs(correlations[~np.eye(len(correlations), dtype=bool)])
    return math.ceil(10 * float(outside.max(initial=0.1)) - 1e-9) / 10


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _description(found: ClassConfusions) -> str:
    listing = "; ".join(
        f"{' and '.join(pair.names)} {chance(pair.value) if found.are_chances else f'{pair.value:.3g}'}"
        for pair in found.pairs[:10]
    )
    return f"Correlation of the noise of {len(found.class_names)} classes. Most confused: {listing}."
