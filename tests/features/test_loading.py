from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

from noisette.errors import NoisetteError, ShapeError
from noisette.features import Extractor, extract_features, module_backbone
from noisette.features.transforms import image_tensor
from tests.features.pictures import write_broken, write_pictures


@pytest.mark.parametrize("kind", ["cmyk", "rotated", "animated", "sixteen"])
def test_pictures_that_need_a_conversion_can_be_skipped(kind: str, tmp_path: Path) -> None:
    write_broken(tmp_path / "odd", kind)
    converted = extract_features([tmp_path / "odd"], "pixels")
    assert (len(converted.features), converted.bad.num_bad, converted.bad.converted.total()) == (1, 0, 1)
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    skipped = extract_features([tmp_path / "odd", tmp_path / "plain.png"], "pixels", unusual="skip")
    assert (skipped.rows.tolist(), skipped.bad.num_bad, skipped.bad.converted.total()) == ([1], 1, 0)


def test_workers_that_are_started_anew_find_a_transform_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "helper_of_net.py").write_text("SIDE = 6\n", encoding="utf-8")
    (tmp_path / "own_net_spawned.py").write_text(
        "from torch import nn\nfrom helper_of_net import SIDE\n"
        "from noisette.features.transforms import image_tensor\n\n"
        "def shrink(picture):\n    return image_tensor(picture.resize((SIDE, SIDE)))\n\n"
        "def make():\n    return nn.Flatten(), shrink\n\n"
        "def make_unpicklable():\n    return nn.Flatten(), lambda picture: shrink(picture)\n",
        encoding="utf-8",
    )
    names = write_pictures(tmp_path / "pictures", 4)
    (tmp_path / "main.py").write_text(
        "import sys, torch\nfrom noisette import extract_features\n\n"
        "if __name__ == '__main__':\n    torch.multiprocessing.set_start_method('spawn')\n"
        f"    paths = [{str(tmp_path / 'pictures')!r} + '/' + name for name in {names!r}]\n"
        f"    net = {str(tmp_path / 'own_net_spawned.py')!r}\n"
        "    print(extract_features(paths, net + ':make', num_workers=1, batch_size=2).features.shape)\n"
        "    extract_features(paths, net + ':make_unpicklable', num_workers=1)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, tmp_path / "main.py"], capture_output=True, text=True, check=False)
    assert done.stdout == "(4, 108)\n", done.stderr
    assert "InvalidInputError: the transform cannot be given to other processes" in done.stderr


def test_a_transform_that_fails_on_a_picture_makes_it_a_bad_one(tmp_path: Path) -> None:
    def transform(picture: Image.Image) -> Tensor:
        if picture.width < 10:
            raise RuntimeError("too small for me")
        return image_tensor(picture)

    for name, side in (("small", 5), ("large", 20)):
        Image.new("RGB", (side, side)).save(tmp_path / f"{name}.png")
    found = extract_features([tmp_path / "small.png", tmp_path / "large.png"], nn.Flatten(), transform=transform)
    assert found.rows.tolist() == [1]
    assert found.bad.rows[0].detail == "RuntimeError: too small for me"


@pytest.mark.parametrize("num_workers", [0, 1])
def test_shapes_that_differ_are_refused(num_workers: int, tmp_path: Path) -> None:
    for side in (5, 6):
        Image.new("RGB", (side, side)).save(tmp_path / f"{side}.png")
    paths = [tmp_path / "5.png", tmp_path / "6.png"]
    with pytest.raises(ShapeError, match=r"^the transform .* got \(3, 5, 5\) and \(3, 6, 6\); resize and crop in it$"):
        extract_features(paths, nn.Flatten(), transform=image_tensor, num_workers=num_workers)


def test_one_picture_several_times_in_a_row_is_decoded_once(tmp_path: Path) -> None:
    calls = []

    def transform(picture: Image.Image) -> Tensor:
        calls.append(picture.size)
        return image_tensor(picture)

    names = write_pictures(tmp_path, 2)
    backbone = module_backbone(nn.Flatten(), transform, layer="output")
    tasks = [[names[0], names[0], names[1], names[0]]]
    (block,) = Extractor(backbone, device="cpu").extract(tmp_path, tasks)
    assert len(calls) == 3
    assert block.places == [0, 1, 2, 3]
    np.testing.assert_array_equal(block.features[0], block.features[1])


def test_a_worker_that_is_killed_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    def transform(_picture: Image.Image) -> Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    names = write_pictures(tmp_path, 2)
    extractor = Extractor(module_backbone(nn.Flatten(), transform), device="cpu")
    with pytest.raises(NoisetteError, match=r"a process that loads pictures died .* use fewer workers"):
        list(extractor.extract(tmp_path, [names], num_workers=1))
