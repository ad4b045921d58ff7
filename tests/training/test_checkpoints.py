import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy

from noisette.errors import DataFileError
from noisette.training import EpochRecord, TrainingRecipe
from noisette.training.checkpoints import CHECKPOINT, Position, TrainingState, load_checkpoint, save_checkpoint
from noisette.training.optimizers import make_optimizer, moving_average
from tests.training.small_training import network

ABOUT = {"random_state": 0, "step_epochs": (1, 2), "learning_rate": 0.1}


def state_for(recipe: TrainingRecipe, model: nn.Module | None = None) -> TrainingState:
    model = model or network(dropout=0.0)
    modules = {"model": model, "average": moving_average(model, 0.9)}
    scaler = torch.amp.GradScaler("cpu", enabled=recipe.precision == "float16", growth_interval=2)
    return TrainingState(modules, make_optimizer(model, recipe), scaler)


def take_steps(state: TrainingState, count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    for _ in range(count):
        pictures = torch.randn(4, 3, 6, 6, generator=generator)
        loss = cross_entropy(state.modules["model"](pictures), torch.tensor([0, 1, 2, 0]))
        state.optimizer.zero_grad()
        state.scaler.scale(loss).backward()
        state.scaler.step(state.optimizer)
        state.scaler.update()
        state.modules["average"].update_parameters(state.modules["model"])  # type: ignore[operator]


RECIPES = [
    TrainingRecipe(optimizer="sgd"),
    TrainingRecipe(optimizer="sgd", momentum=0.0),
    TrainingRecipe(optimizer="adamw", learning_rate=1e-2),
    TrainingRecipe(precision="float16"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=["momentum", "plain", "adamw", "float16"])
def test_a_loaded_state_takes_the_steps_that_the_saved_one_takes(recipe: TrainingRecipe, tmp_path: Path) -> None:
    saved, loaded = state_for(recipe), state_for(recipe)
    take_steps(saved, 3)
    position = Position(2, 5, 1 / 3, [EpochRecord(1, 0.1, 0.2, {"top1": 0.5})])
    save_checkpoint(tmp_path, position, saved, ABOUT)
    assert load_checkpoint(tmp_path, loaded, ABOUT) == position
    assert loaded.scaler.state_dict() == saved.scaler.state_dict()
    for state in (saved, loaded):
        take_steps(state, 4)
    for part, module in saved.modules.items():
        for name, value in module.state_dict().items():
            assert torch.equal(loaded.modules[part].state_dict()[name], value), (part, name)


def test_the_scale_of_float16_losses_is_kept(tmp_path: Path) -> None:
    saved, loaded = (state_for(TrainingRecipe(precision="float16")) for _ in range(2))
    take_steps(saved, 5)
    assert saved.scaler.get_scale() != loaded.scaler.get_scale()
    save_checkpoint(tmp_path, Position(), saved, ABOUT)
    load_checkpoint(tmp_path, loaded, ABOUT)
    assert loaded.scaler.get_scale() == saved.scaler.get_scale()


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    state = state_for(RECIPES[0])
    take_steps(state, 2)
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, Position(1), state, ABOUT)
    assert (tmp_path / "a" / CHECKPOINT).read_bytes() == (tmp_path / "b" / CHECKPOINT).read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == [CHECKPOINT]


def test_without_a_checkpoint_the_training_starts_at_its_beginning(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none", state_for(RECIPES[0]), ABOUT) == Position()


def test_metrics_that_are_not_defined_survive(tmp_path: Path) -> None:
    state = state_for(RECIPES[0])
    save_checkpoint(tmp_path, Position(1, history=[EpochRecord(1, 0.0, 0.0, {"top1": float("nan")})]), state, ABOUT)
    found = load_checkpoint(tmp_path, state, ABOUT).history[0].metrics["top1"]
    assert found != found


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (ABOUT | {"random_state": 1}, r"another random_state \(0, now 1\); give another `folder`, or remove the file"),
        (ABOUT | {"step_epochs": (1,)}, r"another step_epochs \(\[1, 2\], now \[1\]\)"),
        (ABOUT | {"new": 1}, r"another new \(None, now 1\)"),
    ],
)
def test_another_training_is_named_by_what_differs(about: dict[str, Any], message: str, tmp_path: Path) -> None:
    state = state_for(RECIPES[0])
    save_checkpoint(tmp_path, Position(), state, ABOUT)
    with pytest.raises(DataFileError, match=message):
        load_checkpoint(tmp_path, state, about)


def test_another_model_is_named_by_what_differs(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, Position(), state_for(RECIPES[0]), ABOUT)
    other = network()
    assert isinstance(other, nn.Sequential)
    other[5] = nn.Linear(64, 7)
    with pytest.raises(DataFileError, match=r"another model \(.*size mismatch for 5.weight"):
        load_checkpoint(tmp_path, state_for(RECIPES[0], other), ABOUT)


@pytest.mark.parametrize("damage", ["empty", "cut short", "noise", "no words", "of another format"])
def test_a_damaged_checkpoint_is_named_with_what_to_do(damage: str, tmp_path: Path) -> None:
    state, path = state_for(RECIPES[0]), tmp_path / CHECKPOINT
    save_checkpoint(tmp_path, Position(), state, ABOUT)
    whole = path.read_bytes()
    if damage == "no words":
        save_file({"a": torch.zeros(1)}, path)
    elif damage == "of another format":
        save_file({"a": torch.zeros(1)}, path, metadata={"noisette": json.dumps({"format": 0})})
    else:
        path.write_bytes({"empty": b"", "cut short": whole[:-100], "noise": b"\xff" * 1000}[damage])
    with pytest.raises(DataFileError, match=r"checkpoint.safetensors: .*remove it to start again"):
        load_checkpoint(tmp_path, state, ABOUT)
