from __future__ import annotations

import pytest
from torch import nn

from noisette.errors import InvalidInputError
from noisette.features import ImageTransform, module_backbone, weight_hash


def test_the_hash_follows_every_weight() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    before = weight_hash(model)
    assert weight_hash(model) == before
    model[1].get_buffer("running_var").add_(1e-3)
    assert weight_hash(model) != before


def test_a_module_gets_a_transform() -> None:
    backbone = module_backbone(nn.Identity())
    assert backbone.transform == ImageTransform()
    assert backbone.name == "Identity"
    with pytest.raises(InvalidInputError, match=r"must be a torch.nn.Module, got int"):
        module_backbone(3)  # type: ignore[arg-type]
