"""A trained classifier on disk: a folder with its weights and a small JSON that says what they belong to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from noisette.errors import DataFileError
from noisette.files import atomic_folder

MODEL, WEIGHTS = "model.json", "weights.safetensors"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """What a classifier is made of.

    Attributes:
        backbone: name of its architecture, as `features.load_backbone` takes it.
        class_names: names of its K outputs.
        image_size: side of its pictures in pixels; 0 = that of the backbone.
        layer: which features are its own, see `features.PenultimateFeatures`; "" = what goes into the last layer.
        head: "plain" or the kind of heteroscedastic head; "" = not known, the last layer of the backbone.
        head_options: what the head was made with.
        recipe: how the classifier was trained; for people, nothing depends on it.
        weights: the file of weights.
    """

    backbone: str
    class_names: tuple[str, ...]
    image_size: int = 0
    layer: str = ""
    head: str = ""
    head_options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    weights: Path = Path(WEIGHTS)


def write_model_folder(
    folder: str | Path, model: nn.Module, about: ModelFolder, *, texts: Mapping[str, str] | None = None
) -> None:
    """Write a classifier (whole or not at all, in the place of an older one); the same weights give the same bytes.

    Args:
        folder: where.
        model: its weights are kept.
        about: what it is made of.
        texts: name -> content of further files, such as what was measured.
    """
    content = {"format": FORMAT} | dataclasses.asdict(about)
    del content["weights"]
    state = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    with atomic_folder(folder) as temporary:
        save_file(state, temporary / WEIGHTS)
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
        for name, words in {MODEL: text + "\n", **(texts or {})}.items():
            (temporary / name).write_text(words, encoding="utf-8", newline="\n")


def read_model_folder(folder: str | Path) -> ModelFolder:
    """Read what a classifier is made of; its weights are only looked for.

    Raises:
        DataFileError: the folder holds no classifier, or it is damaged.
    """
    path = Path(folder) / MODEL
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise DataFileError(path, "was written by another version of noisette; train again")
        about = ModelFolder(**content | {"class_names": tuple(content["class_names"])})
    except FileNotFoundError:
        raise DataFileError(folder, f"holds no trained classifier (no {MODEL})") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(path, f"is damaged ({error}); train again") from error
    if not (Path(folder) / WEIGHTS).is_file():
        raise DataFileError(Path(folder) / WEIGHTS, "is missing; train again")
    return dataclasses.replace(about, weights=Path(folder) / WEIGHTS)
