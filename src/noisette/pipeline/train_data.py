"""Training samples as torch sees them: stored rows or picture files, prepared and augmented one at a time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.data import Dataset

from noisette.data.images import BadImageError, decode_image, read_image, shown
from noisette.errors import NoisetteError
from noisette.features.transforms import Transform, image_tensor
from noisette.types import IntArray

_AREA, _ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)  # of random crops, as usual since GoogLeNet (CVPR 2015)
_ATTEMPTS = 10
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Normalise:
    """Scales uint8 pictures by mean and deviation of the three colours; floating point ones are taken as they are."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, picture: Tensor) -> Tensor:
        """Give (3, H, W) float32."""
        if picture.dtype != torch.uint8:
            return picture.float()
        scale, shift = self._scale_and_shift
        return picture * scale - shift

    @cached_property
    def _scale_and_shift(self) -> tuple[Tensor, Tensor]:
        std = torch.tensor(self.std).view(3, 1, 1)
        return 1 / (255 * std), torch.tensor(self.mean).view(3, 1, 1) / std


@dataclass(frozen=True)
class Shift:
    """A random crop of the picture with an eighth of its side of black around it, and a flip of half of them."""

    flip: bool = True

    def __call__(self, picture: Tensor) -> Tensor:
        """Give (3, H, W); draws from Python's global generator."""
        height, width = picture.shape[1:]
        border = max(1, min(height, width) // 8)
        top, left = (random.randint(0, 2 * border) for _ in range(2))
        moved = pad(picture, (border, border, border, border))[:, top : top + height, left : left + width]
        return _flipped(moved, self.flip)


@dataclass(frozen=True)
class RandomCrop:
    """A random part of a picture, 8 to 100 % of its area and nearly square, resized; and a flip of half of them."""

    size: int
    flip: bool = True

    def __call__(self, picture: Image.Image) -> Tensor:
        """Give (3, size, size) uint8; draws from Python's global generator."""
        part = picture.resize((self.size, self.size), Image.Resampling.BICUBIC, box=_random_box(*picture.size))
        return _flipped(image_tensor(part), self.flip)


class StoredSamples(Dataset[tuple[Tensor, int]]):
    """Rows of a ``.npy`` file, opened by each process that reads it.

    Args:
        path: (M, ...) array.
        places: (N,) row of each sample.
        labels: (N,) class ids.
        prepare: what a row goes through.
    """

    def __init__(self, path: Path, places: IntArray, labels: IntArray, prepare: tuple[Change, ...]) -> None:
        self.path, self.places, self.labels, self.prepare = path, places, labels, prepare
        self._rows: np.ndarray | None = None

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_rows": None}

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Give a sample and its label."""
        if self._rows is None:
            self._rows = np.load(self.path, mmap_mode="r", allow_pickle=False)
        row = torch.from_numpy(np.array(self._rows[self.places[index]]))
        for change in self.prepare:
            row = change(row)
        return row, int(self.labels[index])


class PictureFiles(Dataset[tuple[Tensor, int]]):
    """Pictures that are decoded whenever they are asked for.

    Args:
        root: what uris are relative to.
        uris: N places of pictures.
        labels: (N,) class ids.
        transform: an RGB picture -> (3, H, W).
        prepare: what that goes through.
        min_side: JPEGs may be decoded at a fraction, neither side shorter.
    """

    def __init__(
        self,
        root: Path,
        uris: list[str],
        labels: IntArray,
        transform: Transform,
        prepare: tuple[Change, ...],
        min_side: int,
    ) -> None:
        self.root, self.uris, self.labels = root, uris, labels
        self.transform, self.prepare, self.min_side = transform, prepare, min_side

    def __len__(self) -> int:
        return len(self.uris)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Give a picture and its label.

        Raises:
            NoisetteError: it can no longer be read.
        """
        uri = self.uris[index]
        try:
            picture = decode_image(read_image(self.root, uri), at_least=self.min_side).picture
        except BadImageError as error:
            raise NoisetteError(
                f"{self.root / shown(uri)} could be read when the training began, and cannot any more ({error.kind}); "
                "put it back, or begin again: `noisette train --fresh`"
            ) from None
        found = self.transform(picture)
        for change in self.prepare:
            found = change(found)
        return found, int(self.labels[index])


def _flipped(picture: Tensor, wanted: bool) -> Tensor:
    return picture.flip(-1) if wanted and random.random() < 0.5 else picture


def _random_box(width: int, height: int) -> tuple[float, float, float, float]:
    for _ in range(_ATTEMPTS):
        area = width * height * random.uniform(*_AREA)
        aspect = math.exp(random.uniform(math.log(_ASPECT[0]), math.log(_ASPECT[1])))
        part_width, part_height = math.sqrt(area * aspect), math.sqrt(area / aspect)
        if part_width <= width and part_height <= height:
            left, top = random.uniform(0, width - part_width), random.uniform(0, height - part_height)
            return left, top, left + part_width, top + part_height
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side
