from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from noisette.errors import NoisetteError
from noisette.features import ImageTransform
from noisette.pipeline.train_data import Normalise, PictureFiles, RandomCrop, Shift, StoredSamples


def seeded(seed: int) -> None:
    random.seed(seed)


def test_normalising_is_that_of_the_extraction() -> None:
    picture = torch.tensor([0, 255, 128], dtype=torch.uint8).view(3, 1, 1)
    found = Normalise((0.5, 0.25, 0.0), (0.5, 0.25, 2.0))(picture)
    assert found.flatten().tolist() == pytest.approx([-1.0, 3.0, 128 / 255 / 2])
    already = torch.full((3, 2, 2), 0.3)
    assert Normalise((0.5,) * 3, (0.5,) * 3)(already) is already


def test_a_shift_moves_a_picture_by_an_eighth_at_most_and_fills_with_black() -> None:
    picture = torch.zeros(3, 16, 16, dtype=torch.uint8)
    picture[:, 8, 8] = 200
    places = set()
    for seed in range(200):
        seeded(seed)
        moved = Shift(flip=False)(picture)
        assert moved.shape == picture.shape
        assert moved.dtype == torch.uint8
        (where,) = torch.nonzero(moved[0]).tolist()
        places.add(tuple(where))
    assert places == {(row, column) for row in range(6, 11) for column in range(6, 11)}


def test_half_of_the_pictures_are_mirrored_unless_left_is_not_right() -> None:
    picture = torch.zeros(3, 8, 8, dtype=torch.uint8)
    picture[:, :, :3] = 9
    shares = []
    for flip in (True, False):
        left = 0
        for seed in range(200):
            seeded(seed)
            moved = Shift(flip)(picture)
            left += int(moved[..., :4].sum() > moved[..., 4:].sum())
        shares.append(left / 200)
    assert 0.4 < shares[0] < 0.6
    assert shares[1] == 1


@pytest.mark.parametrize("size", [(40, 30), (1, 1), (300, 2), (2, 300)])
def test_a_random_crop_of_any_picture_has_the_size_asked_for(size: tuple[int, int]) -> None:
    for seed in range(20):
        seeded(seed)
        assert RandomCrop(7)(Image.new("RGB", size, (10, 20, 30))).unique().tolist() == [10, 20, 30]


def test_random_crops_show_parts_of_eight_to_a_hundred_percent() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    picture = Image.fromarray(np.stack([ramp, ramp.T, ramp], axis=2))
    areas = []
    for seed in range(300):
        seeded(seed)
        crop = RandomCrop(32, flip=False)(picture).double()
        width, height = (float(crop[i].max() - crop[i].min()) / 255 for i in (0, 1))
        areas.append(width * height)
    assert 0.05 < min(areas) < 0.15
    assert 0.85 < max(areas) <= 1
    assert 0.4 < float(np.mean(areas)) < 0.6


def test_the_same_seed_gives_the_same_augmentation() -> None:
    picture = torch.arange(3 * 64, dtype=torch.uint8).view(3, 8, 8)
    found = []
    for _ in range(2):
        seeded(5)
        found.append(Shift()(picture))
    assert torch.equal(*found)


def test_stored_rows_are_read_where_they_are_needed(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    data = StoredSamples(tmp_path / "rows.npy", np.array([2, 0]), np.array([7, 8]), ())
    row, label = data[0]
    assert (row.tolist(), label, len(data)) == ([4.0, 5.0], 7, 2)
    row += 1  # what a sample becomes is nobody else's
    assert data[0][0].tolist() == [4.0, 5.0]
    sent = pickle.dumps(data)
    assert len(sent) < 2000
    assert pickle.loads(sent)[1][0].tolist() == [0.0, 1.0]


def test_files_are_decoded_and_those_that_are_gone_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (9, 5), (1, 2, 3)).save(tmp_path / "a.png")
    data = PictureFiles(tmp_path, ["a.png", "b.png"], np.array([1, 0]), ImageTransform(size=4, crop=1), (), 0)
    picture, label = data[0]
    assert (picture.shape, picture.unique().tolist(), label) == ((3, 4, 4), [1, 2, 3], 1)
    with pytest.raises(NoisetteError, match=r"b\.png could be read when the training began, .* \(missing file\)"):
        data[1]
