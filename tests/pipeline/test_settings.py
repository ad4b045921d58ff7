import dataclasses
from pathlib import Path

import pytest

from noisette.errors import DataFileError
from noisette.pipeline.settings import Settings, TrainSettings, read_settings, write_settings
from noisette.training.recipe import TrainingRecipe


def changed(name: str, value: object) -> object:
    other: dict[str, object] = {"on_error": "stop", "weights": "hard", "max_bad": 0.5, "weight_floor": 0.25}
    other |= {
        "unusual": "skip",
        "dtype": "float32",
        "precision": "bfloat16",
        "duplicate_similarity": 0.9,
        "goal": "budget=3",
        "database": "postgresql+psycopg://ann@host/reviews",
        "head": "xl",
        "augment": "none",
        "optimizer": "adamw",
        "schedule": "steps",
        "sampling": "balanced",
        "step_epochs": (3, 5),
        "relabel_above": 0.25,
    }
    if name in other:
        return other[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, "naïve")
    if isinstance(value, str):
        return value + ' "quoted" \\ é \n \x7f'
    assert isinstance(value, int | float)
    return value + 1


def test_every_setting_survives_a_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "noisette.toml"
    for section in dataclasses.fields(Settings):
        for field in dataclasses.fields(getattr(Settings(), section.name)):
            value = changed(field.name, getattr(getattr(Settings(), section.name), field.name))
            settings = Settings().with_options(**{section.name: {field.name: value}})
            assert settings != Settings()
            write_settings(path, settings)
            assert read_settings(path) == settings


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "noisette.toml").write_text("")
    assert read_settings(tmp_path / "noisette.toml") == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[detect]\nverifyer = 'x'", "unknown setting `detect.verifyer`; known are candidates, "),
        ("[detct]", "unknown setting `detct`; known are detect, "),
        ("detect = 3", "`detect` must be a section, got 3"),
        ("[references]\nnum_references = '32'", "`references.num_references` must be int, got '32'"),
        ("[references]\nnum_references = true", "`references.num_references` must be int, got True"),
        ("[detect]\ncandidates = ['a', 3]", r"`detect.candidates` must be a list of strings, got \['a', 3\]"),
        ("[detect", "is not valid TOML"),
        ("[detect]\nweights = 'softer'", "`detect.weights` must be soft or hard, got 'softer'"),
        ("[input]\non_error = 'cry'", "`input.on_error` must be skip or stop, got 'cry'"),
        ("[input]\nmax_bad = nan", "`input.max_bad` must be between 0 and 1, got nan"),
        ("[detect]\nweight_floor = -3", "`detect.weight_floor` must be between 0 and 1, got -3.0"),
        ("[train]\nstep_epochs = [1.5]", r"`train.step_epochs` must be a list of whole numbers, got \[1.5\]"),
        ("[train]\nhead = 'hot'", "`train.head` must be plain, heteroscedastic, .* or xl, got 'hot'"),
        ("[detect]\ncandidates = []", "`detect.candidates` must name at least one verifier"),
        ("[references]\nnum_references = 0", "`references.num_references` must be at least 1, got 0"),
        ("[project]\nrandom_state = -1", "`project.random_state` must be at least 0, got -1"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "noisette.toml"
    path.write_text(text)
    with pytest.raises(DataFileError, match=message):
        read_settings(path)


def test_options_that_are_none_change_nothing() -> None:
    assert Settings().with_options(detect={"verifier": None, "recipe": None}) == Settings()


def test_a_goal_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "noisette.toml"
    path.write_text('[detect]\ngoal = "recall=0.9"\n')
    with pytest.raises(DataFileError, match=r"`goal` must be error, precision=SHARE .*, got 'recall=0\.9'"):
        read_settings(path)


def test_the_settings_of_a_training_are_the_recipe_of_python() -> None:
    # They are written twice: to import the recipe is to import torch, which few commands need.
    settings = dataclasses.asdict(TrainSettings())
    recipe = dataclasses.asdict(TrainingRecipe())
    del recipe["num_workers"]
    assert {name: settings[name] for name in recipe} == {
        name: settings[name] if value is None else value for name, value in recipe.items()
    }
    assert settings["ema_decay"] == settings["clip_norm"] == 0.0  # none
