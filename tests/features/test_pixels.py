from __future__ import annotations

import torch

from noisette.features.pixels import PixelFeatures


def test_each_row_has_mean_0_and_deviation_1() -> None:
    images = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    features = PixelFeatures()(images)
    assert features.shape == (5, 48)
    torch.testing.assert_close(features.mean(1), torch.zeros(5), atol=1e-6, rtol=0)
    torch.testing.assert_close(features.square().mean(1), torch.ones(5))


def test_brightness_and_contrast_play_no_part_and_a_negative_is_the_opposite() -> None:
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    expected = PixelFeatures()(images)
    torch.testing.assert_close(PixelFeatures()(images * 0.3 + 2), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(PixelFeatures()(1 - images), -expected, rtol=1e-4, atol=1e-5)


def test_a_flat_colour_gives_zeros() -> None:
    assert PixelFeatures()(torch.full((1, 3, 4, 4), 0.7)).abs().max() < 1e-2
