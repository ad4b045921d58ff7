"""A network that gives features, how pictures are prepared for it, and what identifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from noisette.errors import InvalidInputError
from noisette.features.transforms import IMAGENET_MEAN, IMAGENET_STD, ImageTransform, Transform


@dataclass(frozen=True, eq=False, kw_only=True)
class Backbone:
    """A network that gives features, and how pictures are prepared for it.

    Attributes:
        name: what people call it.
        model: takes (B, 3, H, W).
        transform: an RGB picture -> (3, H, W); uint8 is normalised by `mean` and `std`, floating point taken as it is.
        mean, std: of the three colours, in [0, 1].
        min_side: JPEGs may be decoded at a fraction of their size, neither side shorter than this; 0 = whole.
        layer: which features, see `PenultimateFeatures`.
        settings: what else identifies the features (size, crop, ...), as text.
    """

    name: str
    model: nn.Module
    transform: Transform
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    min_side: int = 0
    layer: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def about(self) -> dict[str, str]:
        """Give what identifies the features: name, weight hash, settings; no path, no clock."""
        found = {"backbone": self.name, "weights": weight_hash(self.model), "layer": self.layer or "auto"}
        return found | {name: self.settings[name] for name in sorted(self.settings)}


def module_backbone(
    model: nn.Module, transform: Transform | None = None, *, name: str = "", **options: Any
) -> Backbone:
    """Make a backbone of a module that is there already.

    Args:
        model: takes (B, 3, H, W).
        transform: see `Transform`; None = 224 x 224 from the middle, ImageNet's mean and deviation.
        name: what people call it; the name of its class where there is none.
        options: further attributes of `Backbone`.
    """
    if not isinstance(model, nn.Module):
        raise InvalidInputError(f"`model` must be a torch.nn.Module, got {type(model).__name__}")
    found = transform if transform is not None else ImageTransform()
    shown = {"transform": repr(found)} if isinstance(found, ImageTransform) else {}
    min_side = found.min_side if isinstance(found, ImageTransform) else 0
    return replace(
        Backbone(name=name or type(model).__name__, model=model, transform=found, min_side=min_side, settings=shown),
        **options,
    )


def weight_hash(model: nn.Module) -> str:
    """Hash the names, shapes and values of all weights and buffers: 32 hexadecimal digits; "none" without any."""
    digest = hashlib.blake2b(digest_size=16)
    state: dict[str, Tensor] = model.state_dict()
    if not state:
        return "none"
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data if value.numel() else b"")
    return digest.hexdigest()
