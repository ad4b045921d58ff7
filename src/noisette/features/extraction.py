"""Features of a stream of pictures: load, normalise, forward; one batch in memory, in order, the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from noisette.errors import InvalidInputError, NoisetteError
from noisette.features.backbone import Backbone
from noisette.features.loading import LoadedBatch, PictureBatches, PictureItem, PictureNote, Unusual, load_batches
from noisette.features.penultimate import PenultimateFeatures
from noisette.types import Float32Array

Precision = Literal["auto", "float32", "float16", "bfloat16"]
_TYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class FeatureBlock:
    """Features of the G usable pictures of a task of B.

    Attributes:
        size: B.
        places: G ascending places in the task.
        features: (G, D) finite float32.
        notes: why pictures were skipped, and which conversions others needed.
    """

    size: int
    places: list[int]
    features: Float32Array
    notes: list[PictureNote]


class Extractor:
    """A backbone on a device.

    Args:
        backbone: what gives features; its model is put into evaluation mode and moved to the device.
        device: "cpu", "cuda", "mps", ...; "auto" = a GPU where there is one.
        precision: "auto" = float16 on a CUDA device, float32 elsewhere; features are float32 in the end.

    Raises:
        InvalidInputError: there is no such device or precision.
    """

    def __init__(self, backbone: Backbone, *, device: str = "auto", precision: Precision = "auto") -> None:
        self.backbone = backbone
        self.device = usable_device(device)
        self.precision = _precision(precision, self.device)
        self._model = _Normalised(PenultimateFeatures(backbone.model, backbone.layer), backbone).eval().to(self.device)

    @property
    def about(self) -> dict[str, str]:
        """What identifies the features, the arithmetic included."""
        return self.backbone.about() | {"precision": self.precision}

    @cached_property
    def num_features(self) -> int:
        """D."""
        empty = self.backbone.transform(Image.new("RGB", (64, 64)))
        return int(self._features(empty[None]).shape[1])

    def extract(
        self, root: Path, tasks: Iterable[Sequence[PictureItem]], *, num_workers: int = 0, unusual: Unusual = "convert"
    ) -> Iterator[FeatureBlock]:
        """Yield the features of each task (B uris below `root`, or pictures in memory) in order."""
        batches = PictureBatches(root, self.backbone.transform, self.backbone.min_side, unusual)
        for batch in load_batches(batches, tasks, num_workers):
            yield self.forward(batch)

    def forward(self, batch: LoadedBatch) -> FeatureBlock:
        """Give the features of loaded pictures; a picture whose features are not finite is a bad one."""
        if batch.pixels is None:
            return FeatureBlock(batch.size, [], np.empty((0, 0), dtype=np.float32), batch.notes)
        features = self._features(batch.pixels)
        finite = np.asarray(np.isfinite(features).all(axis=1))
        if finite.all():
            return FeatureBlock(batch.size, batch.places, features, batch.notes)
        notes = [
            PictureNote(batch.places[row], "features not finite", self._why_not_finite, True)
            for row in np.flatnonzero(~finite).tolist()
        ]
        places = [batch.places[row] for row in np.flatnonzero(finite).tolist()]
        return FeatureBlock(batch.size, places, features[finite], [*batch.notes, *notes])

    @property
    def _why_not_finite(self) -> str:
        reason = "the network gives NaN or infinity"
        return f"{reason}; precision bfloat16 or float32 may help" if self.precision == "float16" else reason

    def _features(self, pixels: Tensor) -> Float32Array:
        try:
            return self._forward(pixels)
        except torch.OutOfMemoryError as error:
            raise NoisetteError(
                f"{len(pixels)} pictures at once are too many for the memory of {self.device} "
                f"({str(error).splitlines()[0]}); use a smaller batch size (--batch-size)"
            ) from error

    def _forward(self, pixels: Tensor) -> Float32Array:
        with torch.inference_mode(), _arithmetic(self.device, self.precision):
            images = pixels.to(self.device, non_blocking=True)
            found: Float32Array = self._model(images).float().cpu().numpy()
        return found


class _Normalised(nn.Module):
    """Normalises uint8 pictures on the device; floating point ones were normalised by their transform."""

    def __init__(self, features: PenultimateFeatures, backbone: Backbone) -> None:
        super().__init__()
        self.features = features
        self.register_buffer("_scale", 1 / (255 * torch.tensor(backbone.std).view(3, 1, 1)), persistent=False)
        self.register_buffer("_shift", (torch.tensor(backbone.mean) / torch.tensor(backbone.std)).view(3, 1, 1), False)

    def forward(self, images: Tensor) -> Tensor:
        if images.dtype == torch.uint8:
            images = images.to(self.get_buffer("_scale").dtype) * self.get_buffer("_scale") - self.get_buffer("_shift")
        features: Tensor = self.features(images)
        return features


@contextmanager
def _arithmetic(device: torch.device, precision: str) -> Iterator[None]:
    """Mixed precision where it is asked for, and on CUDA kernels that give the same numbers every time."""
    with ExitStack() as stack:
        if precision in _TYPES:
            stack.enter_context(torch.autocast(device.type, dtype=_TYPES[precision]))
        if device.type == "cuda":
            flags = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": False}
            stack.enter_context(torch.backends.cudnn.flags(**flags))
        yield


def usable_device(name: str) -> torch.device:
    """Give the device of that name; "auto" = a GPU where there is one.

    Raises:
        InvalidInputError: torch cannot use it here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInputError(f"`device` must be one that torch can use here, got {name!r} ({reason})") from error
    return device


def _precision(name: str, device: torch.device) -> str:
    if name not in ("auto", "float32", *_TYPES):
        raise InvalidInputError(f"`precision` must be auto, float32, float16 or bfloat16, got {name!r}")
    if name == "auto":
        return "float16" if device.type == "cuda" else "float32"
    return name
