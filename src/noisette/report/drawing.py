"""From a matplotlib figure to SVG that lives inside the page: its colours, its fonts, the same bytes every time."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Matplotlib knows no CSS variables: figures are drawn in marker colours, which become variables of the style sheet, so
# that one figure is readable in the light, in the dark and on paper.
INK, MUTED, GRID, SURFACE = "#010101", "#010102", "#010103", "#010104"
CORRECT, WRONG, UNVERIFIED, ACCENT = "#010105", "#010106", "#010107", "#010108"
SERIES = ("#010109", "#01010a", "#01010b", "#01010c", "#01010d", "#01010e")
VARIABLES = MappingProxyType(
    {
        INK: "--ink",
        MUTED: "--muted",
        GRID: "--line",
        SURFACE: "--surface",
        CORRECT: "--correct",
        WRONG: "--wrong",
        UNVERIFIED: "--unverified",
        ACCENT: "--accent",
        **{color: f"--series-{i + 1}" for i, color in enumerate(SERIES)},
    }
)

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "noisette",
    "text.usetex": False,
    "text.parse_math": False,  # a class name may hold dollar signs
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
}

_STANDALONE = """svg { background: var(--surface); font-family: system-ui, "Segoe UI", "Helvetica Neue", sans-serif; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
"""


@contextmanager
def drawing(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure (inches) with one axes in the page's style, whatever the user's own matplotlib settings are."""
    with mpl.rc_context(), warnings.catch_warnings():
        # Class names may be in any script; the browser has the fonts that matplotlib measures without.
        warnings.filterwarnings("ignore", message=r".*[Gg]lyph.*")
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def to_svg(figure: Figure, name: str, description: str) -> str:
    """Give the figure as an SVG element.

    Args:
        figure: drawn inside `drawing`, in its marker colours.
        name: prefix of all ids in the element; unique in the page.
        description: what a reader who cannot see it should know.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", text, flags=re.DOTALL)  # the page has its own style
    # Only tags are touched: a class name between them may look like anything.
    text = re.sub(r"<[^>]+>", lambda tag: _fit_tag(tag.group(), name), text)
    size = re.search(r"viewBox=\"([^\"]+)\"", text)
    box = size.group(1) if size else "0 0 100 100"
    start = f'<svg role="img" aria-label="{html.escape(description)}" viewBox="{box}">'
    return start + text[text.index(">") + 1 :].strip()


def standalone(svg: str) -> str:
    """Give an element of `to_svg` as the text of an SVG file, in the light or dark colours that a viewer asks for."""
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    style = f"{theme()}{_STANDALONE}"
    start, rest = svg.split(">", 1)
    return f"{start.replace('<svg', f'<svg {names}', 1)}>\n<style>\n{style}</style>\n{rest}\n"


def theme() -> str:
    """Give the style sheet's colours by name, light and dark."""
    return files("noisette.report").joinpath("templates", "theme.css").read_text(encoding="utf-8")


def _fit_tag(tag: str, name: str) -> str:
    """Make ids unique in the page, marker colours variables of the style sheet, and fonts those of the page."""
    tag = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)  # as older versions of matplotlib write it
    tag = re.sub(r"font-family: [^;\"]*;\s*", "", tag)
    tag = re.sub(r"\bid=\"([^\"]+)\"", rf'id="{name}-\1"', tag)
    tag = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", tag)
    tag = re.sub(r"\b(?:xlink:)?href=\"#([^\"]+)\"", rf'href="#{name}-\1"', tag)
    return re.sub(r"#0101[0-9a-f]{2}\b", lambda found: f"var({VARIABLES[found.group()]})", tag)
