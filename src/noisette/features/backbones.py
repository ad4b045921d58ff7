"""Backbones by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from noisette.errors import InvalidInputError
from noisette.features.backbone import Backbone, module_backbone
from noisette.features.pixels import DEFAULT_SIDE, PixelFeatures
from noisette.features.timm_backbones import timm_backbone
from noisette.features.transforms import ImageTransform
from noisette.features.user_models import is_user_model, user_model
from noisette.features.weights import load_weights

PIXELS = "pixels"


def load_backbone(
    name: str, *, weights: str | Path | None = None, layer: str | None = None, image_size: int | None = None
) -> Backbone:
    """Load a backbone.

    Args:
        name: a timm model (``resnet50``, ``vit_small_patch14_dinov2.lvd142m``); ``pixels`` or ``pixels:16`` for the
            shrunken picture itself; or your own, as ``FILE.py:function`` or ``package.module:function``, where calling
            the function gives a `torch.nn.Module`, or a module and its transform.
        weights: a ``.safetensors`` or torch file with the weights; None: for a timm model its pretrained ones (timm
            downloads them once), for your own those it was made with.
        layer: which features, see `PenultimateFeatures`.
        image_size: side of the pictures in pixels; None = what the model was trained with, 224 for your own.

    Raises:
        InvalidInputError: there is no such model, or the weights do not fit it.
        DataFileError: a file is missing or damaged.
        MissingExtraError: timm is not installed.
    """
    if image_size is not None and image_size < 1:
        raise InvalidInputError(f"`image_size` must be at least 1, got {image_size}")
    kind, _, side = name.partition(":")
    if kind == PIXELS:
        return _pixels(name, side, weights)
    if is_user_model(name):
        backbone = _user_backbone(name, image_size)
        if weights is not None:
            load_weights(backbone.model, weights)
    else:
        backbone = timm_backbone(name, weights, image_size)
    return replace(backbone, layer=layer)


def _pixels(name: str, side: str, weights: str | Path | None) -> Backbone:
    if weights is not None:
        raise InvalidInputError("`weights` must not be given with backbone pixels, which has none")
    if side and not (side.isascii() and side.isdigit() and 0 < int(side) <= 512):
        raise InvalidInputError(f"the side of pixels:SIDE must be a number from 1 to 512, got {side!r}")
    size = int(side) if side else DEFAULT_SIDE
    transform = ImageTransform(size=size, crop=1, mode="squash", interpolation="box")
    plain: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    return module_backbone(PixelFeatures(), transform, name=name, **plain)


def _user_backbone(name: str, image_size: int | None) -> Backbone:
    model, transform = user_model(name)
    if transform is not None and image_size is not None:
        raise InvalidInputError("`image_size` must not be given where the model comes with a transform of its own")
    found = transform if transform is not None else ImageTransform(size=image_size or 224)
    return module_backbone(model, found, name=PurePath(name).name)
