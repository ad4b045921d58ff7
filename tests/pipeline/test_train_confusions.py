from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from noisette.errors import DataFileError
from noisette.heads import HeteroscedasticHead, average_covariance, label_disagreement
from noisette.pipeline.confusions_file import CONFUSIONS, confusions_text, read_confusions
from noisette.pipeline.report import about_report, make_report
from noisette.pipeline.train import train
from noisette.pipeline.train_confusions import read_out
from noisette.pipeline.workspace import Workspace, with_settings
from noisette.report import class_confusions
from tests.pipeline.conftest import files, workspace
from tests.pipeline.train_data import scored, scored_root

__all__ = ["files", "scored", "scored_root", "workspace"]

NAMES = ("ant", "bee", "cat", "dog", "eel")


def classifier() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), HeteroscedasticHead(6, 5, num_factors=2)).train()


def pictures(size: int = 30) -> TensorDataset:
    return TensorDataset(torch.randn(size, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(size))


def same(one: Any, other: Any) -> None:
    left, right = dataclasses.asdict(one), dataclasses.asdict(other)
    np.testing.assert_allclose(left.pop("correlation"), right.pop("correlation"), atol=1e-6)
    assert left == right


def test_a_head_is_read_out_on_what_goes_into_it() -> None:
    model, data = classifier(), pictures()
    found = read_out(model, data, NAMES, device="cpu", batch_size=7)
    features = model[1](model[0](data.tensors[0])).detach()
    head: Any = model[2]
    parts = label_disagreement(head, [features])
    expected = class_confusions(
        average_covariance(head, [features]), NAMES, disagreement=parts.total, label_noise=parts.label_noise
    )
    assert found is not None
    assert [pair.names for pair in found.pairs] == [pair.names for pair in expected.pairs]
    np.testing.assert_allclose(found.correlation, expected.correlation, atol=1e-5)
    assert model.training
    assert not model[2]._forward_pre_hooks


def test_a_plain_layer_and_an_empty_data_set_say_nothing() -> None:
    assert read_out(nn.Linear(4, 5), pictures(), NAMES, device="cpu") is None
    assert read_out(classifier(), pictures(0), NAMES, device="cpu") is None


def test_the_file_gives_the_record_back(tmp_path: Path) -> None:
    found = read_out(classifier(), pictures(), NAMES, device="cpu")
    assert found is not None
    (tmp_path / CONFUSIONS).write_text(confusions_text(found), encoding="utf-8")
    same(read_confusions(tmp_path / CONFUSIONS), found)
    (tmp_path / CONFUSIONS).write_text('{"pairs": []}', encoding="utf-8")
    with pytest.raises(DataFileError, match="train --fresh"):
        read_confusions(tmp_path / CONFUSIONS)


def test_the_report_shows_what_a_trained_head_confuses(scored: Workspace) -> None:
    before = about_report(scored)
    assert "confused" not in make_report(scored).read_text(encoding="utf-8").lower()
    done = train(with_settings(scored, train={"head": "heteroscedastic", "num_factors": 2}), num_workers=0)
    assert (done.path / CONFUSIONS).exists()
    assert about_report(scored) != before
    first = read_confusions(done.path / CONFUSIONS).pairs[0]
    page = make_report(scored).read_text(encoding="utf-8")
    assert "confused" in page.lower()
    assert all(name in page for name in first.names)
