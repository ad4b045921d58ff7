"""The settings of every step: frozen records, read from and written to `noisette.toml`; unknown names are errors."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from noisette.errors import DataFileError, InvalidInputError
from noisette.files import atomic_open
from noisette.scores.goals import parse_goal

_Section = TypeVar("_Section")

_CHOICES = {
    "input.on_error": ("skip", "stop"),
    "images.unusual": ("convert", "skip"),
    "embed.dtype": ("float16", "float32"),
    "embed.precision": ("auto", "float32", "float16", "bfloat16"),
    "detect.weights": ("soft", "hard"),
    "train.weights": ("soft", "hard", "none", "drop", "corrected", "corrected-soft", "verified", "end-to-end"),
    "train.head": ("plain", "heteroscedastic", "diagonal", "parameter-efficient", "xl"),
    "train.augment": ("auto", "shift", "crop", "none"),
    "train.optimizer": ("sgd", "adamw"),
    "train.schedule": ("cosine", "steps", "constant"),
    "train.sampling": ("shuffle", "balanced", "weighted"),
    "train.precision": ("float32", "bfloat16", "float16"),
}
_RANGES = {
    "project.random_state": (0, math.inf),
    "input.max_bad": (0, 1),
    "embed.image_size": (0, math.inf),
    "embed.batch_size": (1, math.inf),
    "references.num_references": (1, math.inf),
    "detect.num_steps": (0, math.inf),
    "detect.weight_floor": (0, 1),
    "detect.duplicate_similarity": (0, 1),
    "train.relabel_above": (0, 1),
    "train.hold_out": (0, 1),
    "train.num_factors": (1, math.inf),
    "train.temperature": (0, math.inf),
    "train.image_size": (0, math.inf),
    "rounds.epochs": (1, math.inf),
    "rounds.learning_rate_factor": (0, math.inf),
    "rounds.verified_epochs": (1, math.inf),
    "report.num_suspicious": (0, math.inf),
}


@dataclass(frozen=True, kw_only=True)
class ProjectSettings:
    """What the workspace is called, and the seed of everything random in it."""

    title: str = "Label quality"
    random_state: int = 0


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """How bad rows are treated: "skip" counts them, up to the share `max_bad`; "stop" ends at the first."""

    on_error: str = "skip"
    max_bad: float = 0.01
    features: str = "imported"


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Where the decisions are: `database` "" means reviews.sqlite in the workspace, else a URL (without password)."""

    database: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """Where the pictures are, and what becomes of unusual ones.

    `root` is the folder that the uris of the samples are relative to; itself absolute, or relative to the workspace.
    `unusual` pictures (CMYK, 16 bits, EXIF-rotated, animated) are used after a conversion, or skipped.
    """

    root: str = ""
    unusual: str = "convert"


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """How pictures become features; see `noisette embed --help`.

    `weights` "" means pretrained, `layer` "" the input of the last layer, `image_size` 0 that of the backbone.
    """

    backbone: str = "resnet50.a1_in1k"
    weights: str = ""
    layer: str = ""
    image_size: int = 0
    batch_size: int = 64
    dtype: str = "float16"
    precision: str = "auto"


@dataclass(frozen=True, kw_only=True)
class ReferenceSettings:
    """Representative features a class: `num_references` K-means centroids."""

    num_references: int = 32


@dataclass(frozen=True, kw_only=True)
class DetectSettings:
    """Who scores the labels, and how scores become weights.

    `verifier` "auto" fits each of `candidates` and takes the one with the lowest error on verified labels that it had
    not seen; CleanNet takes `normalization`, `recipe` and `num_steps` (0: the recipe's). Samples whose features have a
    cosine of `duplicate_similarity` or more (around the mean of all) are taken for one picture. `goal` says what labels
    are flagged for: "error", "precision=0.9" or "budget=500".
    """

    verifier: str = "evidence"
    candidates: tuple[str, ...] = ("average", "filtering", "evidence", "cleannet")
    normalization: str = "auto"
    recipe: str = "default"
    num_steps: int = 0
    weights: str = "soft"
    weight_floor: float = 0.0
    duplicate_similarity: float = 0.99
    goal: str = "error"


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a classifier is trained; see `noisette train --help`, and `training.TrainingRecipe` from `epochs` on.

    `verifier` "" means the one that `detect` chose; `hold_out` is the share of the verified training samples that is
    measured on and not learned from. `backbone` "" is that of `embed`, or small-resnet where features are pixels;
    `pretrained` "" its own weights; `image_size` 0 its own size. `augment` "auto" takes "shift" for pictures of 64
    pixels or fewer, "crop" above. 0 means: `temperature` that of the head; `ema_decay` and `clip_norm` none.
    """

    weights: str = "soft"
    relabel_above: float = 0.5
    verifier: str = ""
    hold_out: float = 0.0
    head: str = "plain"
    num_factors: int = 15
    temperature: float = 0.0
    backbone: str = ""
    pretrained: str = ""
    from_scratch: bool = False
    image_size: int = 0
    augment: str = "auto"
    flip: bool = True
    epochs: int = 30
    batch_size: int = 64
    optimizer: str = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    warmup_epochs: float = 1.0
    step_epochs: tuple[int, ...] = ()
    step_factor: float = 0.1
    label_smoothing: float = 0.0
    mixup: float = 0.0
    ema_decay: float = 0.0
    clip_norm: float = 0.0
    sampling: str = "shuffle"
    precision: str = "float32"


@dataclass(frozen=True, kw_only=True)
class RoundsSettings:
    """How the rounds of the joint loop fine-tune; the rest is as in `train`, its schedule squeezed into the epochs.

    The learning rate is that of `train` times `learning_rate_factor`. `verified_last` adds a last step of
    `verified_epochs` on nothing but samples whose label people have confirmed or named.
    """

    epochs: int = 10
    learning_rate_factor: float = 0.5  # with a tenth, wrong labels that were learned by heart are kept
    verified_last: bool = False
    verified_epochs: int = 3


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """How many of the most suspicious samples the report shows."""

    num_suspicious: int = 48


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a workspace, a section a step."""

    project: ProjectSettings = field(default_factory=ProjectSettings)
    input: InputSettings = field(default_factory=InputSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    images: ImageSettings = field(default_factory=ImageSettings)
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    references: ReferenceSettings = field(default_factory=ReferenceSettings)
    detect: DetectSettings = field(default_factory=DetectSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    rounds: RoundsSettings = field(default_factory=RoundsSettings)
    report: ReportSettings = field(default_factory=ReportSettings)

    def with_options(self, **sections: dict[str, Any]) -> Settings:
        """Give the settings with some replaced; options that are None leave theirs as it is."""
        changed = {}
        for name, options in sections.items():
            given = {key: value for key, value in options.items() if value is not None}
            changed[name] = dataclasses.replace(getattr(self, name), **given)
        return dataclasses.replace(self, **changed)

    def to_json(self) -> dict[str, Any]:
        """Give the settings as JSON values."""
        return dataclasses.asdict(self)


def read_settings(path: Path) -> Settings:
    """Read `noisette.toml`.

    Raises:
        DataFileError: the file is not TOML, or has a section, a name or a value that does not exist.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataFileError(path, f"is not valid TOML: {error}") from error
    try:
        return _from_table(Settings, values, "")
    except InvalidInputError as error:
        raise DataFileError(path, str(error)) from error


def write_settings(path: Path, settings: Settings) -> None:
    """Write `noisette.toml`: every setting with its value, in one fixed order."""
    with atomic_open(path) as file:
        file.write("# Settings of every step; options of a command override them. See `noisette COMMAND --help`.\n")
        for section, values in settings.to_json().items():
            file.write(f"\n[{section}]\n")
            for name, value in values.items():
                # TOML and JSON agree on strings (but for the character 7F), numbers, booleans and lists of them.
                text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
                file.write(f"{name} = {text}\n")


def check_settings(path: Path, settings: Settings) -> None:
    """Check the values of settings as if they had been read from `path`.

    Raises:
        DataFileError: a value is impossible.
    """
    try:
        for section, values in settings.to_json().items():
            for name, value in values.items():
                _check(f"{section}.{name}", value)
    except InvalidInputError as error:
        raise DataFileError(path, str(error)) from error


def _from_table(kind: type[_Section], values: dict[str, Any], where: str) -> _Section:
    types = get_type_hints(kind)
    unknown = sorted(set(values) - set(types))
    if unknown:
        raise InvalidInputError(f"unknown setting `{where}{unknown[0]}`; known are {', '.join(sorted(types))}")
    found = {name: _value(types[name], value, where + name) for name, value in values.items()}
    for name, value in found.items():
        _check(where + name, value)
    return kind(**found)


def _check(name: str, value: Any) -> None:
    """Check the values that the type alone does not."""
    if name in _CHOICES and value not in _CHOICES[name]:
        raise InvalidInputError(f"`{name}` must be {_either(_CHOICES[name])}, got {value!r}")
    low, high = _RANGES.get(name, (-math.inf, math.inf))
    if name in _RANGES and not low <= value <= high:
        wanted = f"at least {low}" if high == math.inf else f"between {low} and {high}"
        raise InvalidInputError(f"`{name}` must be {wanted}, got {value!r}")
    if name == "store.database" and value and "://" not in value:
        raise InvalidInputError(
            f"`{name}` must be a URL such as postgresql+psycopg://USER@HOST/DATABASE, got {value!r}"
        )
    if name == "store.database" and re.search("://[^/@]*:[^/@]+@", value):
        raise InvalidInputError(f"`{name}` must not hold a password; put the whole URL into $NOISETTE_DATABASE instead")
    if name == "detect.goal":
        parse_goal(value)
    if name == "detect.candidates" and not value:
        raise InvalidInputError("`detect.candidates` must name at least one verifier, got none")


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _value(kind: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise InvalidInputError(f"`{name}` must be a section, got {value!r}")
        return _from_table(kind, value, f"{name}.")
    if kind == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif kind == tuple[int, ...]:
        if isinstance(value, list) and all(type(item) is int for item in value):
            return tuple(value)
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
        return value
    lists = {tuple[str, ...]: "a list of strings", tuple[int, ...]: "a list of whole numbers"}
    expected = lists.get(kind) or kind.__name__
    raise InvalidInputError(f"`{name}` must be {expected}, got {value!r}")
