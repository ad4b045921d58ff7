from __future__ import annotations

import re

import numpy as np
import pytest

from noisette.report.charts import Curve, histogram_figure, precision_recall_figure, roc_figure
from noisette.report.drawing import VARIABLES, drawing, to_svg


def _curve(size: int, *, name: str = "a", chosen: bool = True) -> Curve:
    rng = np.random.default_rng(0)
    truth = np.arange(size) % 2
    return Curve(name, truth + rng.normal(0, 1, size), truth, 0.75, chosen)


def test_long_curves_are_thinned_to_what_can_be_seen() -> None:
    for draw in (precision_recall_figure, roc_figure):
        short, long = draw([_curve(100)]), draw([_curve(50_000)])
        assert len(long) < 3 * len(short)
        assert "a  0.750" in long


def test_curves_of_two_samples_and_of_equal_scores() -> None:
    truth = np.array([0, 1])
    for scores in (np.array([0.1, 0.9]), np.array([0.5, 0.5])):
        assert "<svg" in roc_figure([Curve("a", scores, truth, 0.5, False)])
        assert "<svg" in precision_recall_figure([Curve("a", scores, truth, 0.5, False)])


@pytest.mark.parametrize("threshold", [None, 0.5, -70.0])
def test_histograms_of_one_group_one_value_and_a_far_threshold(threshold: float | None) -> None:
    svg = histogram_figure(np.full(5, 0.5), np.full(5, -1), threshold, "similarity")
    assert "not checked (5)" in svg
    assert "checked, wrong" not in svg
    assert ("threshold" in svg) == (threshold is not None)
    assert ("lies outside" in svg) == (threshold == -70.0)


def test_marker_colours_become_variables_and_ids_get_their_prefix() -> None:
    with drawing(2, 2) as (figure, axes):
        for color in VARIABLES:
            axes.plot([0, 1], [0, 1], color=color)
        svg = to_svg(figure, "x", 'a "description" & <more>')
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", svg)) == set(VARIABLES.values())
    assert "#0101" not in svg
    assert all(name.startswith("x-") for name in re.findall(r'\bid="([^"]+)"', svg))
    assert svg.startswith('<svg role="img" aria-label="a &quot;description&quot; &amp; &lt;more&gt;"')


def test_text_that_looks_like_svg_stays_as_it_is() -> None:
    with drawing(2, 2) as (figure, axes):
        axes.set_title('id="a" url(#b) #010199 $x$')
        assert 'id="a" url(#b) #010199 $x$</text>' in to_svg(figure, "x", "")
