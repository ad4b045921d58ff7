"""The one line that turns a training loss into a weighted one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from torch import Tensor

from noisette.errors import InvalidInputError, ShapeError
from noisette.types import ArrayLike, Float64Array, as_numpy


def weighted_mean(loss: Float[Tensor, "B"], weight: Float[Tensor, "B"]) -> Float[Tensor, ""]:
    """Give ``sum(weight * loss) / B``: the weighted training loss of a batch (CleanNet, eq. 7, up to its scale).

    Dividing by B, and not by the sum of weights, keeps a batch of doubtful labels from pulling as hard as one of good
    labels. With weights whose mean over the training set is 1 (`mean_one`, which `WeightedDataset` applies), the
    learning rate means what it does without weights.

    Args:
        loss: (B,) loss of each sample, say of ``cross_entropy(..., reduction="none")``.
        weight: (B,) weights >= 0.

    Returns:
        A number; 0, with zero gradients, where all weights are 0, and in an empty batch.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> import torch
        >>> weighted_mean(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 0.5]))
        tensor(2.)
    """
    if loss.shape != weight.shape or loss.ndim != 1:
        raise ShapeError(
            f"`loss` and `weight` must have shape (B,), got {tuple(loss.shape)} and {tuple(weight.shape)}; compute the "
            "loss with reduction='none'"
        )
    return (loss * weight.to(loss)).sum() / max(1, loss.shape[0])


def mean_one(weights: ArrayLike) -> Float64Array:
    """Scale (N,) weights to mean 1.

    Raises:
        InvalidInputError: a weight is negative or not finite, or all are 0.

    Example:
        >>> mean_one([0.0, 1.0, 1.0]).tolist()
        [0.0, 1.5, 1.5]
    """
    found = as_numpy(weights).astype(np.float64)
    if found.ndim != 1:
        raise ShapeError(f"`weights` must have shape (N,), got {found.shape}")
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if bad.size:
        raise InvalidInputError(f"`weights` must be numbers of at least 0, got {found[bad[0]]} at position {bad[0]}")
    if found.size and found.sum() == 0:
        raise InvalidInputError("`weights` are all 0, so nothing would be learned; soften them (a floor above 0)")
    if not found.size:
        return found
    shares: Float64Array = found / found.max()  # whose mean cannot vanish, however small the weights are
    scaled: Float64Array = shares / shares.mean()
    return scaled
