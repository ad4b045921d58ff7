from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from noisette.errors import InvalidInputError
from noisette.verifier import CleanNetRecipe
from noisette.verifier.cleannet.recipe import DEFAULT, PAPER, as_recipe


def test_the_paper_recipe_is_the_published_one() -> None:
    assert (PAPER.optimizer, PAPER.momentum, PAPER.weight_decay) == ("sgd", 0.9, 1e-4)
    rates = [PAPER.learning_rate_at(step) for step in (0, 29_999, 30_000, 59_999)]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])
    assert (PAPER.verified_per_step, PAPER.unverified_per_step, PAPER.unverified_sampling) == (32, 32, "classes")
    assert (PAPER.negative_weight, PAPER.margin, PAPER.reconstruction_weight, PAPER.unsupervised_weight) == (
        5,
        0.1,
        0.1,
        0.1,
    )
    assert (PAPER.cosine_weight, PAPER.ranking_weight, PAPER.contrast_weight) == (1, 0, 0)
    assert (PAPER.initialization, PAPER.dropout, PAPER.num_steps) == ("xavier", 0, 60_000)


def test_cosine_schedule_climbs_then_falls_to_nothing() -> None:
    recipe = CleanNetRecipe(num_steps=100, warmup_steps=10, learning_rate=1.0)
    rates = [recipe.learning_rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] < 1
    assert rates[50] == pytest.approx(0.5)
    assert 0 < rates[99] < 1e-3


@pytest.mark.parametrize("recipe", [DEFAULT, PAPER, replace(PAPER, num_steps=3, patience=2)])
def test_round_trip_through_json(recipe: CleanNetRecipe) -> None:
    assert as_recipe(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_recipes_by_name() -> None:
    assert as_recipe("default") is DEFAULT
    assert as_recipe("paper") is PAPER
    assert as_recipe(DEFAULT) is DEFAULT
    with pytest.raises(InvalidInputError, match="must be one of 'default', 'paper' or a CleanNetRecipe, got 'best'"):
        as_recipe("best")
    with pytest.raises(InvalidInputError, match="`recipe` has no setting 'lr'; it has auto_normalization"):
        as_recipe({"lr": 1.0})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_steps": 0}, "`num_steps` must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0, got 0.0"),
        ({"optimizer": "lion"}, r"`optimizer` must be one of \('sgd', 'adam'\), got 'lion'"),
        ({"contrast_weight": -1.0}, "`contrast_weight` must be 0 or more, got -1.0"),
        ({"cosine_weight": 0.0, "ranking_weight": 0.0, "contrast_weight": 0.0}, "must be above 0, or there is nothing"),
    ],
)
def test_impossible_settings_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        CleanNetRecipe(**change)
