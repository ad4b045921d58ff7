import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisette.errors import InvalidInputError
from noisette.training import TrainingRecipe
from noisette.training.recipe import learning_rate_at

recipes = st.builds(
    TrainingRecipe,
    epochs=st.integers(1, 50),
    learning_rate=st.floats(1e-6, 10),
    warmup_epochs=st.floats(0, 60),
    schedule=st.sampled_from(["cosine", "constant", "steps"]),
    step_epochs=st.lists(st.integers(1, 50), min_size=1, max_size=3).map(tuple),
    step_factor=st.floats(0, 1),
)


@given(recipes, st.floats(0, 1))
def test_the_rate_is_never_negative_nor_above_its_highest(recipe: TrainingRecipe, done: float) -> None:
    assert 0 <= learning_rate_at(recipe, done * recipe.epochs) <= recipe.learning_rate


@given(recipes, st.floats(0, 1), st.floats(0, 1))
def test_the_rate_rises_in_the_warm_up_and_never_after_it(recipe: TrainingRecipe, one: float, other: float) -> None:
    early, late = (share * recipe.epochs for share in sorted((one, other)))
    first, second = learning_rate_at(recipe, early), learning_rate_at(recipe, late)
    if late < recipe.warmup_epochs:
        assert first <= second
        assert second == pytest.approx(recipe.learning_rate * late / recipe.warmup_epochs)
    elif early >= recipe.warmup_epochs:
        assert first >= second


@given(st.integers(2, 40), st.floats(0, 1))
def test_the_cosine_is_point_symmetric_and_ends_at_zero(epochs: int, share: float) -> None:
    recipe = TrainingRecipe(epochs=epochs, warmup_epochs=1, learning_rate=2.0)
    reach = share * (epochs - 1)
    assert learning_rate_at(recipe, 1 + reach) + learning_rate_at(recipe, epochs - reach) == pytest.approx(2.0)
    assert learning_rate_at(recipe, epochs) == pytest.approx(0, abs=1e-12)
    assert learning_rate_at(recipe, 1 + reach) == pytest.approx(1 + math.cos(math.pi * share))


def test_steps_fall_with_the_first_step_of_their_epoch() -> None:
    recipe = TrainingRecipe(
        epochs=9, learning_rate=1.0, warmup_epochs=0, schedule="steps", step_epochs=(3, 6), step_factor=0.1
    )
    found = [learning_rate_at(recipe, epoch) for epoch in (0, 2.99, 3, 5.99, 6, 8.99)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_without_warm_up_the_first_step_has_the_highest_rate() -> None:
    recipe = TrainingRecipe(warmup_epochs=0, schedule="constant", learning_rate=0.3)
    assert learning_rate_at(recipe, 0) == 0.3


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"optimizer": "adam"}, "`optimizer` must be one of sgd, adamw, got 'adam'"),
        ({"schedule": "linear"}, "`schedule` must be one of cosine, steps, constant"),
        ({"sampling": "none"}, "`sampling` must be one of"),
        ({"precision": "half"}, "`precision` must be one of"),
        ({"epochs": 0}, "`epochs` must be at least 1"),
        ({"epochs": 2.5}, "`epochs` must be a whole number, got 2.5"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be at least 0"),
        ({"learning_rate": math.inf}, "`learning_rate` must be at least 0 and below inf"),
        ({"momentum": 1.0}, "`momentum` must be at least 0 and below 1"),
        ({"label_smoothing": 1.0}, "`label_smoothing` must be"),
        ({"mixup": -0.1}, "`mixup` must be"),
        ({"ema_decay": 1.0}, "`ema_decay` must be"),
        ({"clip_norm": 0.0}, "`clip_norm` must be"),
        ({"schedule": "steps"}, "`step_epochs` is empty; say at which epochs"),
    ],
)
def test_a_recipe_says_what_is_wrong_with_it(option: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        TrainingRecipe(**option)
