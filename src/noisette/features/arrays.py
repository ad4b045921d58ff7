"""Features of pictures as one array: the convenient way, for as many pictures as fit in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import nn

from noisette.data.images import BadImageError, decode_picture
from noisette.errors import InvalidInputError
from noisette.features.backbone import Backbone, module_backbone
from noisette.features.backbones import load_backbone
from noisette.features.extraction import Extractor, Precision
from noisette.features.loading import PictureItem, Unusual
from noisette.features.timm_backbones import timm_preparation
from noisette.features.transforms import Transform
from noisette.types import BadRows, Float32Array, IntArray, OnError, Progress, silent


class ExtractedFeatures(NamedTuple):
    """Features of the M pictures of N that can be used.

    Attributes:
        features: (M, D) float32.
        rows: (M,) ascending places among the pictures that were given.
        bad: the others, each with its path and the reason; `converted` counts conversions.
    """

    features: Float32Array
    rows: IntArray
    bad: BadRows


def extract_features(
    images: Sequence[str | Path | Image.Image],
    backbone: str | nn.Module | Backbone = "resnet50.a1_in1k",
    *,
    weights: str | Path | None = None,
    transform: Transform | None = None,
    layer: str | None = None,
    image_size: int | None = None,
    batch_size: int = 64,
    num_workers: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    unusual: Unusual = "convert",
    on_error: OnError = "skip",
    max_bad: float = 0.01,
    progress: Progress = silent,
) -> ExtractedFeatures:
    """Give the penultimate features of pictures.

    Args:
        images: N paths, or pictures of Pillow.
        backbone: a name (see `load_backbone`: a timm model, ``pixels``, ``FILE.py:function``), or your own
            `torch.nn.Module` that takes (B, 3, H, W).
        weights: with a name: a local file of weights; None: pretrained ones.
        transform: with your own module: an RGB picture -> (3, H, W) tensor, uint8 (then normalised as ImageNet is) or
            floating point; None: timm's own for a timm model, else 224 x 224 from the middle.
        layer: which features; None = what goes into the last layer, "output" = the output, else the input of the module
            of that name.
        image_size: with a name: side of the pictures in pixels.
        batch_size: pictures a forward pass.
        num_workers: processes that load pictures; 0 = this one.
        device: "auto" = a GPU where there is one.
        precision: "auto" = float16 arithmetic on CUDA, float32 elsewhere.
        unusual: pictures that need a conversion (CMYK, 16 bits, EXIF-rotated, animated): "convert" or "skip".
        on_error: pictures that cannot be read: "skip" leaves them out of `rows`; "stop" raises at the first.
        max_bad: with "skip", the largest share of such pictures, looked at from the 1,000th on.
        progress: called with the number of pictures done.

    Returns:
        `.features` (M, D) float32; `.rows` (M,): which of the N pictures they are, since bad ones are left out (take
        your labels by it: ``labels[found.rows]``); `.bad`: what is wrong with the others.

    Raises:
        InvalidInputError: an argument is impossible, or no picture at all can be used.
        TooManyBadRowsError: by `on_error` and `max_bad`.

    Example:
        >>> pictures = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
        >>> found = extract_features(pictures, "pixels:4")
        >>> found.features.shape, found.rows.tolist(), found.bad.num_bad
        ((2, 48), [0, 1], 0)
    """
    if batch_size < 1:
        raise InvalidInputError(f"`batch_size` must be at least 1, got {batch_size}")
    items = _items(images)
    loaded = _backbone(backbone, weights, transform, layer, image_size)
    bad = BadRows(on_error=on_error, max_bad=max_bad, noun="pictures")
    features: list[Float32Array] = []
    rows: list[int] = []
    start = 0
    with _left_as_it_was(loaded.model):
        extractor = Extractor(loaded, device=device, precision=precision)
        for block in extractor.extract(Path(), _tasks(items, batch_size), num_workers=num_workers, unusual=unusual):
            bad.read(block.size)
            for note in block.notes:
                if note.is_bad:
                    bad.add(_name(items[start + note.place], start + note.place), None, note.kind, note.detail)
                else:
                    bad.convert(note.kind)
            rows.extend(start + place for place in block.places)
            features.extend([block.features] if block.places else [])
            start += block.size
            progress("features", start, len(items))
        bad.check("images")
        width = extractor.num_features
    if items and not rows:
        raise InvalidInputError(f"`images` holds no usable picture: {bad.rows[0]} ({bad.summary()})")
    found = np.concatenate(features) if features else np.empty((0, width), dtype=np.float32)
    return ExtractedFeatures(found, np.array(rows, dtype=np.int64), bad)


def _items(images: Sequence[str | Path | Image.Image]) -> list[str | Image.Image]:
    if isinstance(images, str | bytes | os.PathLike | Image.Image):
        raise InvalidInputError(f"`images` must be a sequence of paths or pictures, got one {type(images).__name__}")
    items: list[str | Image.Image] = []
    for number, image in enumerate(images):
        if isinstance(image, Image.Image):
            items.append(image)
        elif isinstance(image, str | os.PathLike):
            items.append(os.fspath(image))
        else:
            got = f"{type(image).__name__} at place {number}"
            raise InvalidInputError(f"`images` must hold paths or pictures of Pillow, got {got}")
    return items


def _tasks(items: Sequence[str | Image.Image], batch_size: int) -> Iterator[list[PictureItem]]:
    """Yield batches; pictures in memory are read to their end here, since an open file cannot go to a worker."""
    for start in range(0, len(items), batch_size):
        task: list[PictureItem] = []
        for item in items[start : start + batch_size]:
            try:
                task.append(item if isinstance(item, str) else decode_picture(item))
            except BadImageError as error:
                task.append(error)
        yield task


@contextmanager
def _left_as_it_was(model: nn.Module) -> Iterator[None]:
    """Give a model back in the mode, and on the device, in which it came."""
    modes = {module: module.training for module in model.modules()}
    device = next((value.device for value in model.parameters()), None)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        if device is not None:
            model.to(device)


def _backbone(
    backbone: str | nn.Module | Backbone,
    weights: str | Path | None,
    transform: Transform | None,
    layer: str | None,
    image_size: int | None,
) -> Backbone:
    if isinstance(backbone, str):
        if transform is not None:
            raise InvalidInputError("`transform` goes with your own module; a backbone by name has its own")
        return load_backbone(backbone, weights=weights, layer=layer, image_size=image_size)
    if weights is not None or image_size is not None:
        raise InvalidInputError("`weights` and `image_size` go with the name of a backbone, not with a module")
    if isinstance(backbone, Backbone):
        return backbone
    if transform is None and hasattr(backbone, "pretrained_cfg"):
        return Backbone(name=type(backbone).__name__, model=backbone, layer=layer, **timm_preparation(backbone))
    return module_backbone(backbone, transform, layer=layer)


def _name(item: str | Image.Image, number: int) -> str:
    return item if isinstance(item, str) else f"images[{number}]"
