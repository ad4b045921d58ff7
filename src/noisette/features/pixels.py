"""The simplest backbone: the pixels of a shrunken picture. No weights, no downloads; for digits and for first looks."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

DEFAULT_SIDE = 8


@final
class PixelFeatures(nn.Module):
    """Pixels of a picture, standardised a picture: brightness and contrast play no part.

    Example:
        >>> import torch
        >>> picture = torch.arange(12.0).reshape(1, 3, 2, 2)
        >>> PixelFeatures()(picture).shape
        torch.Size([1, 12])
    """

    def forward(self, images: Tensor) -> Tensor:
        """Give (B, C * H * W) features with mean 0 and standard deviation 1 a row (all 0 for one flat colour)."""
        flat = images.flatten(1)
        centred = flat - flat.mean(dim=1, keepdim=True)
        return centred / centred.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-4)
