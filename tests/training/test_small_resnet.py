from __future__ import annotations

import pytest
import torch

from noisette.errors import InvalidInputError
from noisette.heads import replace_head
from noisette.training.small_resnet import SmallResNet, is_small_resnet, make_small_resnet


@pytest.mark.parametrize("side", [1, 8, 31, 32])
def test_pictures_of_any_side_give_a_row_of_logits(side: int) -> None:
    model = SmallResNet(5, width=2).eval()
    assert model(torch.zeros(3, 3, side, side)).shape == (3, 5)


def test_the_name_says_the_width() -> None:
    assert make_small_resnet("small-resnet", 10).fc.in_features == 256
    assert make_small_resnet("small-resnet:3", 10).fc.in_features == 24
    assert [is_small_resnet(name) for name in ("small-resnet", "small-resnet:8", "resnet18")] == [True, True, False]


@pytest.mark.parametrize("width", ["0", "x", "-4", "513", "²"])
def test_a_width_that_is_none_is_named(width: str) -> None:
    with pytest.raises(InvalidInputError, match="the width of small-resnet:WIDTH must be a number from 1 to 512"):
        make_small_resnet(f"small-resnet:{width}", 10)


def test_there_is_at_least_one_class() -> None:
    with pytest.raises(InvalidInputError, match="`num_classes` and `width` must be at least 1, got 0 and 2"):
        SmallResNet(0, width=2)


def test_every_weight_learns() -> None:
    model = SmallResNet(3, width=2)
    model(torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in model.parameters())


def test_a_head_finds_its_last_layer() -> None:
    model = replace_head(SmallResNet(3, width=2), num_factors=1)
    assert model.eval()(torch.zeros(2, 3, 8, 8)).exp().sum(1).tolist() == pytest.approx([1.0, 1.0], abs=1e-4)
