from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from noisette.report import words
from tests.report.example import make_report


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [(0, 0, "0"), (7.4, 3, "7"), (1237.4, 380, "1,240"), (1237.4, 90, "1,237"), (48_120, 9_000, "48,100")],
)
def test_counts_show_the_digits_that_mean_something(value: float, width: float, text: str) -> None:
    assert words.rounded_count(value, width) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"), [(0, 1, "0.0 %"), (1, 0, "100 %"), (0.1234, 1, "12.3 %"), (np.nan, 1, "\N{EN DASH}")]
)
def test_percent(share: float, digits: int, text: str) -> None:
    assert _plain(words.percent(share, digits)) == text


def test_the_interval_is_in_the_lead() -> None:
    data = make_report()
    lead = _plain(words.headline(data).lead)
    found = re.match(r"Between (\d+) and (\d+) with 95 % confidence: [\d.]+ % of all labels", lead)
    assert found
    total = data.noise_rates.total
    assert abs(int(found.group(1)) - total.low) <= 5
    assert abs(int(found.group(2)) - total.high) <= 5


def test_a_fully_checked_data_set_needs_no_about() -> None:
    data = make_report(2, size=10, verified_classes=2, num_verified=10)
    assert words.headline(data).before == ""
    assert "20 labels were checked by people, in 2 of 2 classes" in words.headline(data).lead


def test_one_of_everything() -> None:
    data = make_report(1, size=1, verified_classes=1, num_verified=1)
    head = words.headline(data)
    assert head.after == "of 1 label is wrong"
    assert "1 label was checked by people, in 1 of 1 class;" in head.lead


def test_what_to_do_next() -> None:
    assert "unchecked labels that look wrong" in words.next_reason(make_report())
    assert "with three or more" in words.next_reason(make_report(verified_classes=2))
    assert "in each class that has none" in words.next_reason(make_report(2, verified_classes=1))
    assert "in each of a few classes" in words.next_reason(make_report(verified_classes=0))
    assert words.next_reason(make_report(next_reason="Because.")) == "Because."
    done = make_report(2, size=10, verified_classes=2, num_verified=10)
    assert words.next_reason(done).startswith("No unchecked label looks wrong")


def test_how_far_to_trust_it() -> None:
    data = make_report()
    text = _plain(words.trust(data))
    assert text == (
        "The verdicts of cleannet are wrong for 6.1 % of the labels of a class with checked labels and 9.3 % of the "
        "labels of a class without any, on average."
    )
    chosen = dataclasses.replace(data.evaluation[1], average_error_inside=np.nan, average_error_held_out=np.nan)
    only_micro = dataclasses.replace(data, evaluation=[chosen])
    assert _plain(words.trust(only_micro)) == "The verdicts of cleannet are wrong for 7.0 % of the labels, on average."
    assert words.trust(dataclasses.replace(data, evaluation=data.evaluation[:1])) == ""


def test_the_worst_classes_come_first_and_clean_ones_not_at_all() -> None:
    data = make_report()
    worst = words.worst_classes(data, 3)
    assert [w.rate for w in worst] == sorted(data.noise_rates.rate, reverse=True)[:3]
    assert all(w.low <= w.rate <= w.high and w.bounded for w in worst)
    clean = dataclasses.replace(data, noise_rates=dataclasses.replace(data.noise_rates, rate=np.zeros(6)))
    assert words.worst_classes(clean, 3) == []


def test_the_lead_says_what_the_interval_assumes_of_the_choice() -> None:
    data = make_report()
    checked = int((data.verification_labels >= 0).sum())
    assert "assume that the checked labels were chosen at random within their class." in words.headline(data).lead
    all_drawn = dataclasses.replace(data, num_drawn=checked)
    assert "drawn with known chances, and count by them." in words.headline(all_drawn).lead
    mixed = words.headline(dataclasses.replace(data, num_drawn=3)).lead
    assert f"3 of the {checked:,} checked labels were drawn with known chances" in mixed
    assert "assume that the others were chosen at random within their class." in mixed


def test_what_cleaning_leaves() -> None:
    data = make_report()
    assert data.cleaning is not None
    text = _plain(words.cleaning(data))
    assert re.match(
        r"\d+ unchecked labels are flagged, for as few wrong verdicts as possible; about \d+ % of them", text
    )
    assert re.search(r"about \d+ wrong labels are left, between \d+ and \d+ with 95 % confidence\.$", text)
    budget = dataclasses.replace(
        data.cleaning, goal="budget=1", num_flagged=1, wrong_left=None, expected_precision=None
    )
    assert words.cleaning(dataclasses.replace(data, cleaning=budget)) == (
        "1 unchecked label is flagged, by the budget of a review, most suspicious first."
    )
    precise = dataclasses.replace(data.cleaning, goal="precision=0.9", is_bounded=False)
    text = _plain(words.cleaning(dataclasses.replace(data, cleaning=precise)))
    assert "as many as can be while 90 % of them are expected to be wrong. Once" in text
    assert text.endswith("wrong labels are left, unflagged.")
    assert "perhaps" in text
    assert words.cleaning(dataclasses.replace(data, cleaning=None)) == ""


def test_what_calibration_was_measured_on() -> None:
    data = make_report()
    assert "did not know it, but others of its class. Errors and intervals assume" in words.calibration(data)
    drawn = dataclasses.replace(
        data,
        left_out="classes",
        verification_weights=np.ones(data.num_samples),
        num_drawn=int((data.verification_labels >= 0).sum()),
    )
    text = words.calibration(drawn)
    assert text.startswith(
        "Every checked label was scored by a model that knew no checked label of its class; each counts"
    )
    assert text.endswith("drawn with known chances, and count by them.")
