from __future__ import annotations

import json

import numpy as np
import pytest

from noisette.scores.cleaning import Cleaning, plan_cleaning
from noisette.scores.goals import Goal
from noisette.scores.noise_rates import Estimate

GIVEN = np.repeat(np.arange(4), 50)
SCORES = np.random.default_rng(0).random(200)
TRUTH = np.where(np.arange(200) % 50 < 10, (SCORES > 0.3).astype(int), -1)


@pytest.mark.parametrize("goal", [Goal(), Goal("precision", 0.8), Goal("budget", 30)])
def test_facts_belong_together_and_survive_json(goal: Goal) -> None:
    found = plan_cleaning(goal, SCORES, SCORES, GIVEN, TRUTH, 4, 0.5)
    assert found.threshold is not None
    flagged = (TRUTH < 0) & (SCORES < found.threshold)
    assert found.num_flagged == flagged.sum() > 0
    assert found.expected_precision == pytest.approx((1 - SCORES[flagged]).mean())
    assert found.is_bounded
    assert found.wrong_left is not None
    assert found.wrong_left.low < found.wrong_left.value < found.wrong_left.high
    assert Cleaning.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_what_is_not_known_is_none() -> None:
    found = plan_cleaning(Goal(), SCORES, None, GIVEN, TRUTH, 4, 0.5)
    assert (found.expected_precision, found.wrong_left, found.is_bounded) == (None, None, False)
    assert Cleaning.from_json(json.loads(json.dumps(found.to_json()))) == found
    guess = plan_cleaning(Goal(), SCORES, SCORES, GIVEN, np.full(200, -1), 4, 0.5)
    assert guess.wrong_left is not None
    assert not guess.is_bounded


def test_nothing_is_left_where_everything_is_flagged() -> None:
    found = plan_cleaning(Goal("budget", 200), SCORES, SCORES, GIVEN, TRUTH, 4, 0.5)
    assert found.wrong_left == Estimate(0, 0, 0)
    assert found.is_bounded
