"""Numbers as people read them, and the sentences of the first screen."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from noisette.planning.label_weights import choice_note
from noisette.report.records import ReportData
from noisette.scores.cleaning import Cleaning
from noisette.scores.corrected import MIN_CLASSES
from noisette.types import MISLABELLED, UNVERIFIED

DASH = "\N{EN DASH}"
_SPACE = "\N{NO-BREAK SPACE}"


class ClassWords(NamedTuple):
    """One of the worst classes, ready to show; shares in [0, 1]."""

    name: str
    rate: float
    low: float
    high: float
    bounded: bool


class Headline(NamedTuple):
    """The first screen: a sentence in three parts (the middle one stands out), and a paragraph."""

    before: str
    number: str
    after: str
    lead: str


def percent(share: float, digits: int = 1) -> str:
    r"""Give a share as a percentage; a dash for NaN.

    Example:
        >>> percent(0.1234) == "12.3\N{NO-BREAK SPACE}%", percent(float("nan"))
        (True, '–')
    """
    return DASH if math.isnan(share) else f"{100 * share:.{digits}f}{_SPACE}%"


def chance(share: float) -> str:
    r"""Give a share, however small, as a percentage with two digits that say something.

    Example:
        >>> chance(0.0437) == "4.4\N{NO-BREAK SPACE}%", chance(0.00193) == "0.19\N{NO-BREAK SPACE}%"
        (True, True)
    """
    digits = 1 if not 0 < share < 0.01 else 1 - math.floor(math.log10(share)) - 2
    return percent(share, min(digits, 6))


def decimal(value: float, digits: int = 3) -> str:
    """Give a number with fixed digits; a dash for NaN."""
    return DASH if math.isnan(value) else f"{value:.{digits}f}"


def rounded_count(value: float, width: float) -> str:
    """Give a count to the digits that an interval of this width leaves meaningful.

    Example:
        >>> rounded_count(1237.4, 380), rounded_count(12.6, 3)
        ('1,240', '13')
    """
    step = 10 ** max(0, math.floor(math.log10(max(width, 1.0))) - 1)
    return f"{round(value / step) * step:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """Give "1 label", "3 labels"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def headline(data: ReportData) -> Headline:
    """Say about how many labels are wrong, with the interval, and how many were checked."""
    total, size = data.noise_rates.total, data.num_samples
    labels = "label is" if size == 1 else "labels are"
    checked = checked_words(data)
    if math.isnan(total.value):
        return _headline_without_estimate(data, checked)
    bounded = not _is_guess(data)
    width = total.high - total.low if bounded else total.value
    number = rounded_count(total.value, width)
    word = ("About " if total.high > total.low else "") if bounded else "Perhaps "
    if not bounded:
        lead = f"That is {percent(total.value / size)}, as the verifier sees it; how far off this may be, only "
        return Headline(word, number, f"of {size:,} {labels} wrong", f"{lead}checked labels can say. {checked}")
    low, high = rounded_count(total.low, width), rounded_count(total.high, width)
    lead = (
        f"Between {low} and {high} with {percent(data.noise_rates.level, 0)} confidence: "
        f"{percent(total.value / size)} of all labels ({percent(total.low / size)} to {percent(total.high / size)}). "
    )
    return Headline(word, number, f"of {size:,} {labels} wrong", f"{lead}{checked} {choice_words(data)}")


def _headline_without_estimate(data: ReportData, checked: str) -> Headline:
    issues = int(data.label_scores.is_label_issue.sum())
    lead = "How many are really wrong cannot be said yet: some classes have neither probabilities nor checked labels. "
    lead += checked
    if issues == 0:
        return Headline("", f"{data.num_samples:,}", "labels are ranked by suspicion, and none is judged yet", lead)
    return Headline("", f"{issues:,}", f"of {data.num_samples:,} labels are suspicious", lead)


def _is_guess(data: ReportData) -> bool:
    return "guessed" in data.noise_rates.source


def checked_words(data: ReportData) -> str:
    """Say how many labels people checked, where, and how many of them were wrong."""
    truth = data.verification_labels
    num_checked = int((truth != UNVERIFIED).sum())
    if num_checked == 0:
        return "No label has been checked by people yet."
    classes = int(np.unique(data.label_scores.given_label[truth != UNVERIFIED]).size)
    wrong = int((truth == MISLABELLED).sum())
    return (
        f"{plural(num_checked, 'label')} {_was(num_checked)} checked by people, in {classes:,} of "
        f"{plural(len(data.class_names), 'class', 'classes')}; {wrong:,} of them {_was(wrong)} wrong."
    )


def choice_words(data: ReportData) -> str:
    """Say what errors and intervals assume about how the checked labels were chosen."""
    return choice_note(int((data.verification_labels != UNVERIFIED).sum()), data.num_drawn)


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def worst_classes(data: ReportData, limit: int) -> list[ClassWords]:
    """Give the classes with the highest estimated noise rates, worst first."""
    rates = data.noise_rates
    order = [int(c) for c in np.argsort(-rates.rate, kind="stable") if rates.rate[c] > 0]
    return [
        ClassWords(
            data.class_names[c],
            float(rates.rate[c]),
            float(rates.low[c]),
            float(rates.high[c]),
            rates.source[c] in ("counted", "modelled"),
        )
        for c in order[:limit]
    ]


def trust(data: ReportData) -> str:
    """Say how often the chosen verifier's verdicts are wrong; "" where nothing was measured."""
    chosen = next((row for row in data.evaluation if row.chosen), None)
    if chosen is None:
        return ""
    parts = [
        f"{percent(value)} {where}"
        for value, where in (
            (chosen.average_error_inside, "of the labels of a class with checked labels"),
            (chosen.average_error_held_out, "of the labels of a class without any"),
        )
        if not math.isnan(value)
    ]
    if not parts and not math.isnan(chosen.micro_error):
        parts = [f"{percent(chosen.micro_error)} of the labels"]
    return f"The verdicts of {chosen.name} are wrong for {' and '.join(parts)}, on average." if parts else ""


def cleaning(data: ReportData) -> str:
    """Say what is flagged, what for, and how many wrong labels are left after it; "" where that is not known."""
    found = data.cleaning
    if found is None:
        return ""
    kind, _, number = found.goal.partition("=")
    aim = {
        "error": "for as few wrong verdicts as possible",
        "precision": f"as many as can be while {100 * float(number or 0):.10g} % of them are expected to be wrong",
        "budget": "by the budget of a review, most suspicious first",
    }.get(kind, "")
    text = f"{plural(found.num_flagged, 'unchecked label')} {_is(found.num_flagged)} flagged, {aim}"
    if found.expected_precision is not None and kind != "precision":
        text += f"; about {percent(found.expected_precision, 0)} of them should be wrong"
    return f"{text}. {_left(found)}".strip()


def _left(found: Cleaning) -> str:
    """Say how many wrong labels are left."""
    left = found.wrong_left
    if left is None:
        return ""
    if not found.is_bounded:
        guess = rounded_count(left.value, left.value)
        return f"Once these and the known ones are put right, perhaps {guess} wrong labels are left, unflagged."
    number, low, high = (rounded_count(value, left.high - left.low) for value in (left.value, left.low, left.high))
    return (
        f"Once these and the known ones are put right, about {number} wrong labels are left, between {low} and {high} "
        f"with {percent(found.level, 0)} confidence."
    )


def calibration(data: ReportData) -> str:
    """Say on which labels the probabilities were measured, and what is assumed of those."""
    seen = {
        "classes": "Every checked label was scored by a model that knew no checked label of its class",
        "rows": "Every checked label was scored by a model that did not know it, but others of its class",
    }.get(data.left_out, "")
    weighed = "each counts for the labels it stands for (1 / the chance of its draw)"
    if seen and data.verification_weights is not None:
        return f"{seen}; {weighed}. {choice_words(data)}"
    return f"{seen}. {choice_words(data)}" if seen else choice_words(data)


def rounds(data: ReportData) -> str:
    """Say what the figures of joint training must be read with."""
    parts = []
    if any("given" in name for one in data.rounds for name in one.accuracy):
        parts.append("Some given labels are wrong: a classifier that repeats their mistakes looks better under them.")
    seen = [one for one in data.rounds if not math.isnan(one.detection_error) and math.isnan(one.held_out_error)]
    if len(seen) > 1:
        parts.append("From round 2 on the classifier behind the features knew the checked labels, which flatters.")
    return " ".join(parts)


def next_reason(data: ReportData) -> str:
    """Say what to do next and why."""
    if data.next_reason:
        return data.next_reason
    num_classes = int((data.noise_rates.num_verified > 0).sum())
    if num_classes == 0:
        return (
            "Check about twenty labels in each of a few classes. That gives a threshold, probabilities, and an "
            "interval around the numbers on this page."
        )
    if _is_guess(data):
        if len(data.class_names) <= MIN_CLASSES:
            return "Check about twenty labels in each class that has none: then every number here gets an interval."
        return "Check labels in more classes: with three or more, the numbers of all other classes get an interval."
    issues = int((data.label_scores.is_label_issue & (data.verification_labels == UNVERIFIED)).sum())
    if issues:
        return f"Go through the {plural(issues, 'unchecked label')} that look wrong, most suspicious first."
    return "No unchecked label looks wrong. Train on the weighted labels, or check more classes."
