from __future__ import annotations

import math
import re

import pytest

from noisette.report import RoundFigures, render_report, rounds_figure
from tests.report.example import make_report


def rounds() -> list[RoundFigures]:
    return [
        RoundFigures(name="0", accuracy={"validation, given labels": 0.6}),
        RoundFigures(name="1", detection_error=0.125, held_out_error=0.2, accuracy={"validation, given labels": 0.75}),
        RoundFigures(name="2, then\nverified", accuracy={"validation, given labels": 1.0}),
    ]


def test_the_description_has_every_number() -> None:
    svg = rounds_figure(rounds())
    label = re.search(r'aria-label="([^"]+)"', svg)
    assert label is not None
    words = label[1].replace("\N{NO-BREAK SPACE}", " ").replace("\N{EN DASH}", "-")
    assert "checked labels that the verifier had not seen: round 0 -, round 1 12.5 %, round 2" in words
    assert "checked labels of validation and test: round 0 -, round 1 20.0 %" in words
    assert "Accuracy, validation, given labels: round 0 60.0 %, round 1 75.0 %" in words
    assert svg == rounds_figure(rounds())


@pytest.mark.parametrize(("rounds", "missing"), [
    ([RoundFigures(name="0"), RoundFigures(name="1", detection_error=0.5)], "no validation or test split"),
    ([RoundFigures(name=n, accuracy={"test, given labels": 0.0}) for n in "01"], "no checked labels"),
])  # fmt: skip
def test_what_was_not_measured_is_named(rounds: list[RoundFigures], missing: str) -> None:
    assert missing in rounds_figure(rounds)


def test_an_accuracy_of_one_is_the_top_of_the_axis() -> None:
    svg = rounds_figure([RoundFigures(name=n, accuracy={"test, given labels": 1.0}) for n in "01"])
    assert ">100 %<" in svg
    assert not re.search(r">10[1-9](\.\d)? %<", svg)


def test_the_page_has_the_figure_where_there_are_rounds() -> None:
    page = render_report(make_report(rounds=rounds(), images=False))
    assert "What the rounds of joint training gained" in page
    assert "Some given labels are wrong" in page
    assert "knew the checked labels" not in page
    assert "rounds of joint training" not in render_report(make_report(images=False))


def test_figures_that_flatter_are_said_to() -> None:
    known = [RoundFigures(name=str(i), detection_error=0.1 if i else math.nan) for i in range(3)]
    page = render_report(make_report(rounds=known, images=False))
    assert "From round 2 on the classifier behind the features knew the checked labels" in page
    assert "Some given labels are wrong" not in page
