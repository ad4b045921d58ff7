from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.scores.goals import Goal, flag_labels, parse_goal

NOBODY = np.full(6, -1)
QUALITY = np.array([0.9, 0.1, 0.5, 0.1, 0.7, 0.0])


@pytest.mark.parametrize(
    "text",
    ["error", "precision=0.9", "precision=1", "budget=500", "budget=0", "budget=1234567", "precision=0.12345678"],
)
def test_goals_are_read_and_written_alike(text: str) -> None:
    assert str(parse_goal(text)) == text
    assert parse_goal(f" {text.replace('=', ' = ')} ") == parse_goal(text)


@pytest.mark.parametrize(
    "text",
    ["", "errors", "error=1", "precision", "precision=0", "precision=1.1", "precision=x", "budget=-1", "budget=1.5"],
)
def test_what_is_no_goal_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="`goal` must be error, precision=SHARE"):
        parse_goal(text)


def test_the_lowest_error_is_that_of_the_threshold() -> None:
    found = flag_labels(Goal(), QUALITY, QUALITY, NOBODY, 0.5)
    assert found.rows.tolist() == (QUALITY < 0.5).tolist()
    assert found.threshold == 0.5
    assert found.precision == pytest.approx(1 - 0.2 / 3)
    assert flag_labels(Goal(), QUALITY, QUALITY, NOBODY, None).count == 0


def test_a_budget_takes_the_most_suspicious_and_never_more() -> None:
    assert np.flatnonzero(flag_labels(Goal("budget", 2), QUALITY, None, NOBODY, 0.5).rows).tolist() == [1, 5]
    assert flag_labels(Goal("budget", 100), QUALITY, None, NOBODY, 0.5).count == 6
    none = flag_labels(Goal("budget", 0), QUALITY, QUALITY, NOBODY, 0.5)
    assert none.count == 0
    assert math.isnan(none.precision)
    assert none.threshold is not None
    assert none.threshold <= QUALITY.min()


def test_human_decisions_take_no_part() -> None:
    verified = np.array([-1, 1, -1, -1, -1, 0])
    for goal in (Goal(), Goal("precision", 0.6), Goal("budget", 2)):
        found = flag_labels(goal, QUALITY, QUALITY, verified, 0.6)
        assert not found.rows[[1, 5]].any()
        assert np.flatnonzero(found.rows).tolist() == [2, 3]


def test_equal_scores_are_flagged_together_for_a_precision() -> None:
    quality = np.array([0.1, 0.2, 0.2, 0.9])
    found = flag_labels(Goal("precision", 0.85), quality, quality, NOBODY[:4], None)
    assert found.count == 1
    assert flag_labels(Goal("precision", 0.99), quality, quality, NOBODY[:4], None).count == 0


def test_a_precision_needs_probabilities() -> None:
    with pytest.raises(NotVerifiedError, match=r"the goal precision=0\.9 needs probabilities.*budget=NUMBER"):
        flag_labels(Goal("precision", 0.9), QUALITY, None, NOBODY, None)


def test_no_labels_at_all() -> None:
    nothing = np.empty(0)
    for goal in (Goal(), Goal("precision", 0.9), Goal("budget", 3)):
        assert flag_labels(goal, nothing, nothing, np.empty(0, dtype=int), 0.5).count == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 1))
def test_a_precision_is_reached_by_as_many_labels_as_can_be(values: list[float], precision: float) -> None:
    quality = np.array(values)
    found = flag_labels(Goal("precision", precision), quality, quality, np.full(quality.size, -1), None)
    assert found.threshold is not None
    assert found.rows.tolist() == (quality < found.threshold).tolist()
    assert found.count == 0 or found.precision >= precision - 1e-9
    for end in np.unique(quality):
        more = quality <= end
        assert more.sum() <= found.count or (1 - quality[more]).mean() < precision
