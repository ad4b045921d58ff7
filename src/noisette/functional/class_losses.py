"""Losses that compare over several classes or samples at once, which the published CleanNet does not."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from noisette.types import CORRECT, MISLABELLED


def contrast_loss(
    similarities: Float[Tensor, "B K"], classes: Int[Tensor, "B"], *, scale: float = 10.0
) -> Float[Tensor, "B"]:
    """Give (B,) how badly each sample's own class stands out among all classes; it needs no verification label.

    Args:
        similarities: (B, K) cosines of the samples with every class, in [-1, 1].
        classes: (B,) the column of each sample's own class.
        scale: inverse temperature > 0 of the softmax over classes.

    Returns:
        (B,) cross-entropies >= 0, low where the own class is the most similar one.

    Example:
        >>> import torch
        >>> contrast_loss(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])).round(decimals=3)
        tensor([0.0000, 0.6930])
    """
    return cross_entropy(scale * similarities, classes, reduction="none")


def ranking_loss(
    similarity: Float[Tensor, "B"], verification_labels: Int[Tensor, "B"], *, scale: float = 10.0
) -> Float[Tensor, ""]:
    """Give the mean over all (correct, mislabelled) pairs of ``log(1 + exp(scale * (s_mislabelled - s_correct)))``.

    The pairs may come from different classes, so that one threshold fits all classes.

    Args:
        similarity: (B,) cosine of each sample with its own class, in [-1, 1].
        verification_labels: (B,) 1 correct, 0 mislabelled; -1 (unverified) takes no part.
        scale: steepness > 0.

    Returns:
        A number >= 0; 0, with zero gradients, if either kind is missing.

    Example:
        >>> import torch
        >>> ranking_loss(torch.tensor([0.5, 0.5, 0.1]), torch.tensor([1, 0, -1])).round(decimals=3)
        tensor(0.6930)
    """
    correct, wrong = similarity[verification_labels == CORRECT], similarity[verification_labels == MISLABELLED]
    if not (len(correct) and len(wrong)):
        return similarity.sum() * 0.0
    return softplus(scale * (wrong[:, None] - correct[None, :])).mean()
