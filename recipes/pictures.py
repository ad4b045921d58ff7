"""Files of pictures as a data set for `noisette.train_classifier`: an ImageFolder for any kind of label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from noisette.features import ImageTransform
from noisette.pipeline.train_data import Normalise, RandomCrop


class Pictures(Dataset[tuple[Tensor, Any]]):
    """(picture, label) pairs.

    Args:
        root: what paths are relative to.
        samples: (path, label) pairs.
        prepare: an RGB picture -> (3, H, W).
        target: a label -> what is learned, where that is not the label itself.
    """

    def __init__(
        self,
        root: Path,
        samples: Sequence[tuple[str, Any]],
        prepare: Callable[[Image.Image], Tensor],
        target: Callable[[Any], Any] | None = None,
    ) -> None:
        self.root, self.prepare, self.target = root, prepare, target
        # `noisette.WeightedDataset` finds keys in these two, as in an ImageFolder.
        self.samples = [(str(root / path), label) for path, label in samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        """Give a picture and its target."""
        path, label = self.samples[index]
        with Image.open(path) as file:
            picture = self.prepare(file.convert("RGB"))
        return picture, label if self.target is None else self.target(label)


class Prepared:
    """What happens to a picture before a timm model sees it; a random crop and flip in training.

    Args:
        model: which says mean, deviation and crop.
        size: side in pixels.
        is_training: crop at random.
    """

    def __init__(self, model: Any, size: int, *, is_training: bool) -> None:
        about = model.pretrained_cfg
        middle = ImageTransform(size=size, crop=about["crop_pct"])
        self.cut: Callable[[Image.Image], Tensor] = RandomCrop(size) if is_training else middle
        self.normalise = Normalise(tuple(about["mean"]), tuple(about["std"]))

    def __call__(self, picture: Image.Image) -> Tensor:
        """Give (3, size, size)."""
        return self.normalise(self.cut(picture))
