"""From a picture to the numbers a network takes: resize, crop, normalise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from noisette.errors import InvalidInputError

Transform: TypeAlias = Callable[[Image.Image], Tensor]
"""An RGB picture -> (3, H, W): uint8, normalised later on the device; or floating point, taken as it is."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}


@dataclass(frozen=True, kw_only=True)
class ImageTransform:
    """The middle of a picture at `size` x `size`, as uint8; resized once, and only what is kept.

    Attributes:
        size: side of the result, in pixels.
        crop: share in (0, 1] of the shorter side that is kept; 1 keeps all of it.
        mode: "center" keeps the proportions and cuts the middle out; "squash" takes the whole picture.
        interpolation: "bilinear", "bicubic", "lanczos" or "box".
    """

    size: int = 224
    crop: float = 0.95
    mode: Literal["center", "squash"] = "center"
    interpolation: str = "bicubic"

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 < self.crop <= 1:
            raise InvalidInputError(f"`size` must be at least 1 and `crop` in (0, 1], got {self.size} and {self.crop}")
        if self.interpolation not in _FILTERS:
            raise InvalidInputError(f"`interpolation` must be one of {', '.join(_FILTERS)}, got {self.interpolation!r}")

    @property
    def min_side(self) -> int:
        """Shortest side a picture should be decoded at, so that the resize still has two pixels to each of its own."""
        return 2 * round(self.size / self.crop)

    def __call__(self, picture: Image.Image) -> Tensor:
        """Give (3, size, size) uint8."""
        resized = picture.resize((self.size, self.size), _FILTERS[self.interpolation], box=self._box(*picture.size))
        return image_tensor(resized)

    def _box(self, width: int, height: int) -> tuple[float, float, float, float]:
        if self.mode == "squash":
            return 0, 0, width, height
        side = min(width, height) * self.crop
        left, top = (width - side) / 2, (height - side) / 2
        return left, top, left + side, top + side


def image_tensor(picture: Image.Image) -> Tensor:
    """Give the pixels of an RGB picture as (3, H, W) uint8."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
