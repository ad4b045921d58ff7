"""A small residual network for small pictures, light enough to be trained on a few cores."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn.functional import relu

from noisette.errors import InvalidInputError

SMALL_RESNET, DEFAULT_WIDTH = "small-resnet", 32


@final
class SmallResNet(nn.Module):
    """A residual network (He et al., CVPR 2016, basic blocks): seven 3 x 3 convolutions for pictures of some 32 pixels.

    Its three blocks halve the side and double the channels; 45 million multiplications a picture of 32 pixels at width
    32. The last layer is `fc`.

    Args:
        num_classes: K.
        width: channels of the first convolution; work grows with its square.

    Raises:
        InvalidInputError: a number is below 1.

    Example:
        >>> import torch
        >>> SmallResNet(10, width=4).eval()(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(self, num_classes: int, *, width: int = DEFAULT_WIDTH) -> None:
        if num_classes < 1 or width < 1:
            raise InvalidInputError(f"`num_classes` and `width` must be at least 1, got {num_classes} and {width}")
        super().__init__()
        self.stem = _convolution(3, width, stride=1)
        self.stem_norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*(_Block(width << i, width << (i + 1)) for i in range(3)))
        self.fc = nn.Linear(width << 3, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Give (B, K) logits of (B, 3, H, W) pictures."""
        maps: Tensor = self.blocks(relu(self.stem_norm(self.stem(images))))
        logits: Tensor = self.fc(maps.mean(dim=(2, 3)))
        return logits


class _Block(nn.Module):
    """Two convolutions, the first one with stride 2, and a shortcut of 1 x 1."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(channels, wider, stride=2), _convolution(wider, wider, stride=1)
        self.first_norm, self.second_norm = nn.BatchNorm2d(wider), nn.BatchNorm2d(wider)
        self.shortcut = nn.Sequential(nn.Conv2d(channels, wider, 1, stride=2, bias=False), nn.BatchNorm2d(wider))

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.second_norm(self.second(relu(self.first_norm(self.first(maps)))))
        return relu(inner + self.shortcut(maps))


def _convolution(channels: int, wider: int, *, stride: int) -> nn.Conv2d:
    made = nn.Conv2d(channels, wider, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    return made


def is_small_resnet(name: str) -> bool:
    """Tell whether `name` is ``small-resnet`` or ``small-resnet:WIDTH``."""
    return name.partition(":")[0] == SMALL_RESNET


def make_small_resnet(name: str, num_classes: int) -> SmallResNet:
    """Make the network of that name.

    Raises:
        InvalidInputError: the width is no whole number from 1 to 512.
    """
    _, _, width = name.partition(":")
    if width and not (width.isascii() and width.isdigit() and 0 < int(width) <= 512):
        raise InvalidInputError(f"the width of {SMALL_RESNET}:WIDTH must be a number from 1 to 512, got {width!r}")
    return SmallResNet(num_classes, width=int(width) if width else DEFAULT_WIDTH)
