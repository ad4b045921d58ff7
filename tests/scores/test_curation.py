from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.scores.curation import DROPPED, KEPT, RELABELLED, Curated, CurationRule, count_changes, curate
from noisette.types import LabelScores

Row = tuple[int, float, bool, int, float, float, int, int, bool]
"""given, quality, issue, suggested, probability, weight, verification label, correct label, untouched."""


def _curate(rule: CurationRule, rows: list[Row]) -> Curated:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    label, quality, issue, suggested, chance, weight, truth, correct, untouched = columns
    scores = LabelScores(
        given_label=label,
        score=quality.astype(float),
        label_quality=quality.astype(float),
        is_label_issue=issue.astype(bool),
        suggested_label=suggested,
        suggested_probability=chance.astype(float),
        none_probability=np.zeros(chance.shape),
        sample_weight=weight.astype(float),
    )
    return curate(
        rule, scores, verification_labels=truth, correct_labels=correct, is_untouched=untouched.astype(np.bool_)
    )


def _one(
    rule: CurationRule,
    *,
    quality: float = 0.3,
    issue: bool = True,
    suggested: int = 1,
    chance: float = 0.8,
    weight: float = 0.4,
    truth: int = -1,
    correct: int = -1,
    untouched: bool = False,
) -> tuple[int, int, float]:
    found = _curate(rule, [(0, quality, issue, suggested, chance, weight, truth, correct, untouched)])
    return int(found.action[0]), int(found.label[0]), float(found.sample_weight[0])


def _oracle(rule: CurationRule, row: Row) -> tuple[int, int]:
    label, quality, issue, suggested, chance, _, truth, correct, untouched = row
    if untouched or truth == 1:
        return KEPT, label
    if truth == 0:
        if correct >= 0:
            return RELABELLED, correct
        if correct == -2:
            return DROPPED, -1
    else:
        suspicious = issue
        if rule.drop_below is not None:
            suspicious = not math.isnan(quality) and quality < rule.drop_below
        if not suspicious:
            return KEPT, label
    if rule.relabel_above is not None and 0 <= suggested != label and chance >= rule.relabel_above:
        return RELABELLED, suggested
    return DROPPED, -1


BY_VERDICT = CurationRule()
BY_QUALITY = CurationRule(drop_below=0.5)
RELABELLING = CurationRule(drop_below=0.5, relabel_above=0.8)
SHARES = st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0])


@st.composite
def _rows(draw: st.DrawFn) -> Row:
    label, truth = draw(st.integers(0, 3)), draw(st.sampled_from([-1, 0, 1]))
    others = [c for c in (-2, -1, 0, 1, 2, 3) if c != label]
    correct = draw(st.sampled_from(others)) if truth == 0 else -1
    quality, chance = draw(SHARES | st.just(math.nan)), draw(SHARES | st.just(math.nan))
    suggested = draw(st.integers(-2, 3))
    return label, quality, draw(st.booleans()), suggested, chance, draw(SHARES), truth, correct, draw(st.booleans())


@settings(max_examples=300, deadline=None)
@given(st.none() | SHARES, st.none() | SHARES, st.lists(_rows(), min_size=1, max_size=15))
def test_the_rule_agrees_with_a_slow_reading_of_it(q: float | None, p: float | None, rows: list[Row]) -> None:
    rule = CurationRule(drop_below=q, relabel_above=p)
    # One row with a quality, so that `drop_below` has something to judge.
    rows = [*rows, (0, 1.0, False, 0, 1.0, 1.0, -1, -1, False)]
    found = _curate(rule, rows)
    assert list(zip(found.action.tolist(), found.label.tolist(), strict=True)) == [_oracle(rule, row) for row in rows]
    assert not np.isnan(found.sample_weight).any()
    assert (found.sample_weight[found.action == DROPPED] == 0).all()


def test_the_verdict_decides_without_a_bound_and_the_bound_where_there_is_one() -> None:
    assert _one(BY_VERDICT, quality=0.9, issue=True) == (DROPPED, -1, 0.0)
    assert _one(BY_VERDICT, quality=0.1, issue=False) == (KEPT, 0, 0.4)
    assert _one(BY_QUALITY, quality=0.9, issue=True) == (KEPT, 0, 0.4)
    assert _one(BY_QUALITY, quality=0.1, issue=False) == (DROPPED, -1, 0.0)


def test_a_quality_at_the_bound_is_kept_and_a_probability_at_the_bound_relabels() -> None:
    assert _one(BY_QUALITY, quality=0.5)[0] == KEPT
    assert _one(BY_QUALITY, quality=np.nextafter(0.5, 0))[0] == DROPPED
    assert _one(RELABELLING, chance=0.8) == (RELABELLED, 1, 0.8)
    assert _one(RELABELLING, chance=np.nextafter(0.8, 0))[0] == DROPPED


@pytest.mark.parametrize("suggested", [0, -1, -2])
def test_only_another_class_can_take_the_place_of_a_label(suggested: int) -> None:
    assert _one(RELABELLING, suggested=suggested, chance=1.0) == (DROPPED, -1, 0.0)


def test_decided_correct_is_kept_whatever_the_score() -> None:
    rule = CurationRule(drop_below=1.0, relabel_above=0.0)
    assert _one(rule, quality=0.0, issue=True, chance=1.0, truth=1, weight=1.0) == (KEPT, 0, 1.0)


def test_decided_wrong_is_never_kept() -> None:
    sure = {"quality": 1.0, "issue": False, "truth": 0}
    assert _one(BY_VERDICT, **sure) == (DROPPED, -1, 0.0)  # type: ignore[arg-type]
    assert _one(BY_VERDICT, **sure, correct=2) == (RELABELLED, 2, 1.0)  # type: ignore[arg-type]
    assert _one(RELABELLING, **sure) == (RELABELLED, 1, 0.8)  # type: ignore[arg-type]
    assert _one(RELABELLING, **sure, chance=0.7)[0] == DROPPED  # type: ignore[arg-type]


def test_none_of_the_classes_is_dropped_even_with_a_likely_suggestion() -> None:
    assert _one(RELABELLING, truth=0, correct=-2, suggested=1, chance=1.0) == (DROPPED, -1, 0.0)


def test_an_untouched_split_keeps_even_what_was_decided_wrong() -> None:
    assert _one(RELABELLING, truth=0, correct=2, untouched=True) == (KEPT, 0, 1.0)


def test_a_bound_on_the_quality_needs_a_quality() -> None:
    with pytest.raises(NotVerifiedError, match=r"`drop_below` needs label qualities.*noisette labels import"):
        _one(BY_QUALITY, quality=math.nan)
    assert _one(BY_VERDICT, quality=math.nan, issue=False)[0] == KEPT
    assert _one(BY_QUALITY, quality=math.nan, untouched=True)[0] == KEPT


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
@pytest.mark.parametrize("name", ["drop_below", "relabel_above"])
def test_bounds_outside_0_and_1_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidInputError, match=rf"`{name}` must lie in \[0, 1\], got"):
        CurationRule(**{name: value})  # type: ignore[arg-type]


def test_changes_are_counted_by_the_given_label_and_by_the_new_one() -> None:
    curated = Curated(
        np.array([KEPT, DROPPED, DROPPED, RELABELLED, KEPT, DROPPED]), np.array([0, -1, -1, 2, 1, -1]), np.ones(6)
    )
    found = count_changes(np.array([0, 0, 0, 0, 1, 1]), curated, 4)
    assert found.samples.tolist() == [4, 2, 0, 0]
    assert found.kept.tolist() == [1, 1, 0, 0]
    assert found.dropped.tolist() == [2, 1, 0, 0]
    assert found.relabelled_away.tolist() == [1, 0, 0, 0]
    assert found.relabelled_into.tolist() == [0, 0, 1, 0]
    assert found.lost_share().tolist() == [0.75, 0.5, 0.0, 0.0]
    # Half lost is not over half; an empty class loses nothing.
    assert found.losing().tolist() == [0]
    assert found.losing(0.4).tolist() == [0, 1]
