from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from noisette.errors import InvalidInputError
from noisette.features.timm_import import import_timm
from noisette.features.transforms import ImageTransform, image_tensor


def smooth(width: int, height: int) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    wave = 127 + 100 * np.sin(columns / width * 6) * np.cos(rows / height * 4)
    return Image.fromarray(np.stack([wave, 255 - wave, wave / 2], axis=2).astype(np.uint8))


def test_pixels_go_to_channels_first() -> None:
    picture = smooth(7, 5)
    tensor = image_tensor(picture)
    assert tensor.dtype == torch.uint8
    np.testing.assert_array_equal(tensor.numpy().transpose(1, 2, 0), np.asarray(picture))


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (224, 224), (90, 120)])
def test_it_is_near_what_timm_does(size: tuple[int, int]) -> None:
    import_timm()
    from timm.data.transforms_factory import create_transform

    picture = smooth(*size)
    theirs = create_transform(
        (3, 64, 64), is_training=False, interpolation="bicubic", crop_pct=0.95, crop_mode="center", normalize=False
    )
    ours = ImageTransform(size=64, crop=0.95)(picture).float()
    assert (ours - theirs(picture).float()).abs().mean() < 2.5  # timm cuts at whole pixels, we do not


def test_the_same_size_is_the_picture_itself() -> None:
    picture = smooth(32, 32)
    assert torch.equal(ImageTransform(size=32, crop=1)(picture), image_tensor(picture))


def test_squash_takes_the_whole_picture_and_centre_the_middle() -> None:
    picture = Image.new("RGB", (30, 10), "black")
    picture.paste((255, 0, 0), (10, 0, 20, 10))
    assert ImageTransform(size=10, crop=1, interpolation="box")(picture)[0].eq(255).all()
    squashed = ImageTransform(size=9, crop=1, mode="squash", interpolation="box")(picture)
    assert squashed[0, 0].tolist() == [0, 0, 0, 255, 255, 255, 0, 0, 0]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"size": 0}, "`size` must be at least 1"), ({"crop": 0.0}, "`crop` in"), ({"interpolation": "x"}, "one of bili")],
)
def test_impossible_settings_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        ImageTransform(**options)  # type: ignore[arg-type]
