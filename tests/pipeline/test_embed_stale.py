from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from noisette.features.timm_import import import_timm
from noisette.pipeline.detect import detect
from noisette.pipeline.embed import embed
from noisette.pipeline.run import run
from noisette.pipeline.status import workspace_status
from noisette.pipeline.workspace import Workspace, with_settings
from noisette.store import ParquetTable
from noisette.training import ModelFolder, write_model_folder
from tests.pipeline.image_data import images, pictures, states

__all__ = ["images", "pictures"]


def test_status_knows_missing_current_and_stale_features(images: Workspace) -> None:
    assert states(images)["features/embedded"] == "missing"
    done = run(images)
    assert done.embedding is not None
    assert set(states(images).values()) == {"current"}
    changed = with_settings(images, embed={"backbone": "pixels:5"})
    found = next(a for a in workspace_status(changed).artifacts if a.path == "features/embedded")
    assert (found.state, found.reason) == ("stale", "backbone changed")
    again = run(changed)
    assert again.embedding is not None
    assert again.embedding.num_features == 75
    assert set(states(changed).values()) == {"current"}


NET = """
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, images):
        return {factor} * images.flatten(1)


def make():
    return Net()
"""

LOADING = """
import torch
from torch import nn


def make():
    net = nn.Conv2d(3, 2, 1)
    net.load_state_dict(torch.load({checkpoint!r}))
    return net
"""


def own_net(images: Workspace, source: Path) -> Workspace:
    options = {"backbone": f"{source}:make", "image_size": 4, "layer": "output", "dtype": "float32"}
    return with_settings(images, embed=options)


def features_of(opened: Workspace) -> np.ndarray:
    return np.concatenate(list(ParquetTable(opened.features).iter_batches(64)))


def test_a_network_that_changes_makes_features_stale_and_then_other_ones(images: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "own_net.py"
    source.write_text(NET.format(factor=1), encoding="utf-8")
    opened = own_net(images, source)
    assert embed(opened).num_features == 48
    before = features_of(opened)
    assert states(opened)["features/embedded"] == "current"
    source.write_text(NET.format(factor=2), encoding="utf-8")
    assert states(opened)["features/embedded"] == "stale"
    assert any("features are stale (source changed)" in note for note in detect(opened).notes)
    assert embed(opened).resumed == 0
    np.testing.assert_allclose(features_of(opened), 2 * before, rtol=1e-6)
    source.unlink()
    assert states(opened)["features/embedded"] == "stale"


def test_weights_that_the_function_loads_itself_are_noticed(images: Workspace, tmp_path: Path) -> None:
    source, checkpoint = tmp_path / "loading_net.py", tmp_path / "w.pth"
    source.write_text(LOADING.format(checkpoint=str(checkpoint)), encoding="utf-8")
    opened = own_net(images, source)
    for factor, is_current in ((1.0, False), (1.0, True), (3.0, False)):
        torch.save({"weight": torch.full((2, 3, 1, 1), factor), "bias": torch.zeros(2)}, checkpoint)
        assert embed(opened).was_current == is_current
    assert embed(opened).was_current


def test_the_classifier_that_was_trained_here(images: Workspace) -> None:
    model = import_timm().create_model("resnet18", num_classes=3).eval()
    about = ModelFolder(backbone="resnet18", class_names=images.class_names(), image_size=32)
    write_model_folder(images.model("mine"), model, about)
    opened = with_settings(images, embed={"backbone": "mine", "dtype": "float32"})
    done = embed(opened)
    assert (done.num_features, done.backbone) == (512, "mine")
    assert embed(opened).was_current
    write_model_folder(images.model("mine"), model, dataclasses.replace(about, image_size=64))
    assert states(opened)["features/embedded"] == "stale"


def test_a_feature_beyond_float16_makes_a_picture_a_bad_one(images: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "large_net.py"
    source.write_text(NET.format(factor=1e5), encoding="utf-8")
    Image.new("RGB", (4, 4), (124, 116, 104)).save(images.image_root / "sky" / "0000.jpg", quality=100)  # near 0
    opened = with_settings(own_net(images, source), embed={"dtype": "float16"}, input={"max_bad": 1.0})
    done = embed(opened)
    assert (done.num_rows, done.bad.counts) == (1, {"features beyond float16": 89})
