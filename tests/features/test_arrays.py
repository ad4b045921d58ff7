from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from noisette.errors import InvalidInputError, TooManyBadRowsError
from noisette.features import ExtractedFeatures, extract_features
from noisette.features.timm_import import import_timm
from noisette.features.transforms import image_tensor
from tests.features.pictures import write_broken, write_pictures


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv = nn.Conv2d(3, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.fc = nn.Linear(5, 2)
        with torch.no_grad():
            for value in self.parameters():
                value.copy_(torch.randn(value.shape, generator=generator))

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.fc(self.norm(self.conv(images)).mean((2, 3)))
        return output


def by_hand(model: nn.Module, paths: list[Path]) -> np.ndarray:
    """One picture at a time, from the formulas."""
    rows = []
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    for path in paths:
        with Image.open(path) as opened, torch.no_grad():
            pixels = torch.from_numpy(np.array(opened.convert("RGB"))).permute(2, 0, 1) / 255
            image = ((pixels - mean) / std)[None]
            rows.append(model.norm(model.conv(image)).mean((2, 3))[0].numpy())  # type: ignore[operator]
    return np.stack(rows)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_features_are_those_of_a_loop_in_order(num_workers: int, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in write_pictures(tmp_path, 11)]
    model = Net()
    found = extract_features(paths, model, transform=image_tensor, batch_size=4, num_workers=num_workers, device="cpu")
    np.testing.assert_allclose(found.features, by_hand(model.eval(), paths), rtol=1e-4, atol=1e-5)
    assert found.rows.tolist() == list(range(11))


def test_workers_change_no_bit_and_no_random_number(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in write_pictures(tmp_path, 9)]
    before = torch.get_rng_state()
    alone, helped = (extract_features(paths, "pixels", batch_size=2, num_workers=n, device="cpu") for n in (0, 2))
    assert alone.features.tobytes() == helped.features.tobytes()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_bad_pictures_are_named_and_left_out(num_workers: int, tmp_path: Path) -> None:
    names = write_pictures(tmp_path, 4)
    for name, kind in {"a.jpg": "empty", "b.jpg": "text", "c.jpg": "truncated", "d.jpg": "cmyk"}.items():
        write_broken(tmp_path / name, kind)
    paths = [tmp_path / name for name in ["a.jpg", *names[:2], "b.jpg", "c.jpg", "gone.jpg", *names[2:], "d.jpg"]]
    found = extract_features(paths, "pixels", batch_size=2, num_workers=num_workers)
    assert found.rows.tolist() == [1, 2, 6, 7, 8]
    assert [(row.path.name, row.kind) for row in found.bad.rows] == [
        ("a.jpg", "empty file"),
        ("b.jpg", "not an image"),
        ("c.jpg", "truncated image"),
        ("gone.jpg", "missing file"),
    ]
    assert found.bad.converted == {"CMYK colours": 1}
    whole = extract_features([paths[i] for i in found.rows], "pixels")
    np.testing.assert_array_equal(whole.features, found.features)


def test_stop_ends_at_the_first_bad_picture(tmp_path: Path) -> None:
    write_broken(tmp_path / "a.jpg", "empty")
    with pytest.raises(TooManyBadRowsError, match=r"a\.jpg: empty file"):
        extract_features([tmp_path / "a.jpg"], "pixels", on_error="stop")


def test_pictures_in_memory(tmp_path: Path) -> None:
    name = write_pictures(tmp_path, 2)[1]
    with Image.open(tmp_path / name) as opened:
        opened.load()
        found = extract_features([opened, tmp_path / name], "pixels")
    np.testing.assert_array_equal(found.features[0], found.features[1])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_pictures_in_memory_are_decoded_as_files_are(num_workers: int, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("wide.png", "cut.jpg", "rotated.jpg")]
    for path, kind in zip(paths, ("sixteen", "truncated", "rotated"), strict=True):
        write_broken(path, kind)
    opened = [Image.open(path) for path in paths]
    found = extract_features(opened, "pixels", num_workers=num_workers)
    for picture in opened:
        picture.close()
    assert found.rows.tolist() == [0, 2]
    assert [(str(row.path), row.kind) for row in found.bad.rows] == [("images[1]", "truncated image")]
    assert found.bad.converted == {"16-bit pixels": 1, "EXIF-rotated": 1}
    np.testing.assert_array_equal(found.features, extract_features(paths, "pixels").features)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ("photo.jpg", "must be a sequence of paths or pictures, got one str"),
        ([b"bytes"], "must hold paths or pictures of Pillow, got bytes at place 0"),
        (["gone.jpg", "lost.jpg"], r"holds no usable picture: gone\.jpg: missing file \(2 of 2 pictures skipped"),
    ],
)
def test_what_holds_no_pictures_is_refused(images: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        extract_features(images, "pixels")


def test_a_model_is_given_back_as_it_came(tmp_path: Path) -> None:
    model = Net().train()
    model.norm.eval()
    extract_features([tmp_path / name for name in write_pictures(tmp_path, 2)], model, transform=image_tensor)
    assert (model.training, model.conv.training, model.norm.training) == (True, True, False)


def test_a_timm_model_is_prepared_for_as_timm_does(tmp_path: Path) -> None:
    model = import_timm().create_model("vit_tiny_patch16_224", pretrained=False).eval()
    Image.new("RGB", (300, 260), "orange").save(tmp_path / "a.png")
    found = extract_features([tmp_path / "a.png"], model, device="cpu")
    orange = torch.tensor([255, 165, 0]).view(1, 3, 1, 1) / 255
    images = ((orange - 0.5) / 0.5).expand(1, 3, 224, 224)  # its own mean and deviation, not ImageNet's
    with torch.inference_mode():
        expected = model.forward_head(model.forward_features(images), pre_logits=True)
    np.testing.assert_allclose(found.features, expected.numpy(), rtol=1e-3, atol=1e-4)


def test_no_pictures_give_no_rows() -> None:
    assert extract_features([], "pixels:2").features.shape == (0, 12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"device": "toaster"}, "`device` must be one that torch can use here, got 'toaster'"),
        ({"precision": "int8"}, "`precision` must be auto, float32, float16 or bfloat16"),
        ({"transform": image_tensor}, "`transform` goes with your own module"),
        ({"weights": "w.pth"}, "`weights` must not be given with backbone pixels"),
    ],
)
def test_impossible_arguments_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        extract_features([], "pixels", **options)  # type: ignore[arg-type]


def test_the_result_names_its_parts(tmp_path: Path) -> None:
    found = extract_features([tmp_path / name for name in write_pictures(tmp_path, 1)], "pixels")
    assert isinstance(found, ExtractedFeatures)
    assert found.features.dtype == np.float32
