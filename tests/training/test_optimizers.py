import pytest
import torch
from torch import Tensor, nn

from noisette.errors import InvalidInputError
from noisette.training import TrainingRecipe
from noisette.training.optimizers import make_optimizer, moving_average, set_training_mode
from tests.training.small_training import network


def test_only_matrices_and_convolutions_decay_and_what_is_frozen_is_not_touched() -> None:
    model = network()
    assert isinstance(model, nn.Sequential)
    model[5].requires_grad_(False)
    groups = make_optimizer(model, TrainingRecipe(weight_decay=0.1)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert [value.ndim for value in groups[0]["params"]] == [4]
    assert [value.ndim for value in groups[1]["params"]] == [1, 1, 1]


@pytest.mark.parametrize(("name", "kind"), [("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)])
def test_the_optimizer_is_that_of_the_recipe(name: str, kind: type) -> None:
    recipe = TrainingRecipe(optimizer=name, momentum=0.0)  # type: ignore[arg-type]
    assert type(make_optimizer(network(), recipe)) is kind


def test_a_model_of_which_nothing_learns_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match="no parameter of `model` learns"):
        make_optimizer(network().requires_grad_(False), TrainingRecipe())


class Counting(nn.Module):
    """A parameter, a statistic, a count and a mask that change from step to step."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(2))
        self.count: Tensor
        self.mask: Tensor
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("mask", torch.tensor([False, False]))


def test_the_average_is_that_of_the_formula_and_counts_are_copied() -> None:
    model, decay = Counting(), 0.9
    average = moving_average(model, decay)
    expected = None
    for step in range(1, 30):
        with torch.no_grad():
            model.value.fill_(float(step) ** 2)
            model.mean.fill_(float(step))  # type: ignore[operator]
            model.count.fill_(step)
            model.mask[0] = step % 2 == 0
        average.update_parameters(model)
        now = torch.tensor([float(step) ** 2, float(step)])
        expected = now if expected is None else decay * expected + (1 - decay) * now
        kept = average.module
        torch.testing.assert_close(torch.stack([kept.value[0].detach(), kept.mean[0]]), expected)  # type: ignore[index]
        assert int(kept.count) == step  # type: ignore[arg-type]
        assert torch.equal(kept.mask, model.mask)  # type: ignore[arg-type]


def test_frozen_parts_are_not_put_into_training_mode() -> None:
    model = nn.Sequential(network(), nn.Dropout(), nn.Linear(3, 2)).eval()
    model[0].requires_grad_(False)
    set_training_mode(model)
    assert model.training
    assert not any(module.training for module in model[0].modules())
    assert model[1].training  # a part without parameters is not frozen
    assert model[2].training
