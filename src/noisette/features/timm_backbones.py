"""Backbones of timm: pretrained weights as timm loads them, or from a local file."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor, nn

from noisette.errors import InvalidInputError
from noisette.features.backbone import Backbone
from noisette.features.timm_import import import_timm
from noisette.features.weights import load_weights

_LONGEST = 4  # times the short side


def timm_backbone(name: str, weights: str | Path | None, image_size: int | None) -> Backbone:
    """Make a timm model without its classifier, with its own transform.

    Raises:
        InvalidInputError: timm has no such model, or cannot fetch its weights.
        DataFileError: the weights do not fit.
        MissingExtraError: timm is not installed.
    """
    timm = import_timm()
    name = name.removeprefix("timm/")
    _check_name(timm, name)
    model = _create(timm, name, weights, image_size)
    return Backbone(name=name, model=model, **timm_preparation(model, image_size))


def timm_preparation(model: nn.Module, image_size: int | None = None) -> dict[str, Any]:
    """Give the attributes of a `Backbone` that say how pictures are prepared for a timm model."""
    timm = import_timm()
    config = timm.data.resolve_model_data_config(model)
    if image_size is not None:
        config["input_size"] = (3, image_size, image_size)
    transform = timm.data.create_transform(**config, is_training=False, normalize=False)
    return {
        "transform": partial(_apply, transform, config["crop_mode"] == "center"),
        "mean": tuple(config["mean"]),
        "std": tuple(config["std"]),
        "min_side": 2 * round(max(config["input_size"][1:]) / config["crop_pct"]),
        "settings": {key: str(config[key]) for key in ("input_size", "interpolation", "crop_pct", "crop_mode")},
    }


def _check_name(timm: Any, name: str) -> None:
    known = name.split(".")[0]
    if name.startswith(("hf-hub:", "hf_hub:", "local-dir:")) or timm.is_model(known):
        return
    if name.endswith(".py"):
        raise InvalidInputError(
            f"`backbone` {name!r} is a file; name the function in it that makes the network: {name}:make"
        )
    similar = timm.list_models(f"*{known}*")[:5]
    hint = f"; did you mean {', '.join(similar)}?" if similar else "; `timm.list_models()` lists them"
    own = "; your own network is FILE.py:function"
    raise InvalidInputError(f"`backbone` must be a model that timm knows, got {name!r}{hint}{own}")


def _create(timm: Any, name: str, weights: str | Path | None, image_size: int | None) -> nn.Module:
    # Vision transformers fit their position embeddings to the size when they are made; other models take any size.
    options: dict[str, Any] = {} if image_size is None else {"img_size": image_size}
    try:
        model = _try_create(timm, name, weights, options)
    except TypeError:
        model = _try_create(timm, name, weights, {})
    if weights is not None:
        classifier = model.pretrained_cfg.get("classifier") or ()
        names = (classifier,) if isinstance(classifier, str) else classifier
        load_weights(model, weights, not_needed=names, convert=partial(_converted, model))
    module: nn.Module = model
    return module


def _converted(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Do what timm does with a checkpoint of its own: old names, position embeddings of another size."""
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    found: dict[str, Tensor] = state if convert is None else convert(state, model)
    return found


def _try_create(timm: Any, name: str, weights: str | Path | None, options: dict[str, Any]) -> Any:
    try:
        return timm.create_model(name, pretrained=weights is None, num_classes=0, **options)
    except TypeError:
        raise
    except (RuntimeError, OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        home = getattr(timm.models.get_pretrained_cfg(name, allow_unregistered=True), "hf_hub_id", None)
        where = f" from https://huggingface.co/{home}" if home else ""
        raise InvalidInputError(
            f"the weights of {name} cannot be loaded ({first}); without a network, fetch a file of them{where} "
            "elsewhere and give it to `noisette embed --weights FILE`; `--backbone pixels` needs none"
        ) from error


def _apply(transform: Any, is_centred: bool, picture: Image.Image) -> Tensor:
    tensor: Tensor = transform(_without_ends(picture) if is_centred else picture)
    return tensor


def _without_ends(picture: Image.Image) -> Image.Image:
    """Cut the ends off a very long picture: resized by its short side whole, it could fill the memory."""
    (width, height), longest = picture.size, _LONGEST * min(picture.size)
    if max(width, height) <= longest:
        return picture
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    return picture.crop((left, top, width - left, height - top))
