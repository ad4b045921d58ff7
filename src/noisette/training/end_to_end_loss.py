"""What classifier and CleanNet minimise together: pure rules on a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from noisette.errors import InvalidInputError
from noisette.functional.verification_loss import cleannet_loss
from noisette.types import CORRECT, MISLABELLED, UNVERIFIED

LEAST_MEAN = 0.05
"""Weights whose mean is smaller are scaled as if it were this: a verifier that doubts everything slows the training."""


def label_weights(
    similarity: Float[Tensor, "B"], verification_labels: Int[Tensor, "B"], is_corrected: Bool[Tensor, "B"]
) -> Float[Tensor, "B"]:
    """Give how much the label that a sample is learned under counts.

    An unverified label counts by max(0, similarity), CleanNet's soft weight; one found correct, and one that takes the
    place of a wrong one, by 1; one found wrong, which nothing takes the place of, by 0.

    Args:
        similarity: (B,) cosine of query and class embedding, in [-1, 1]; its gradient is that of the weights.
        verification_labels: (B,) 1 = given label correct, 0 = mislabelled, -1 = unverified.
        is_corrected: (B,) the sample is learned under another label than the given one.

    Returns:
        (B,) weights in [0, 1], before they are scaled.

    Example:
        >>> label_weights(torch.tensor([0.4, -0.2, 0.3, 0.3, 0.3]), torch.tensor([-1, -1, 1, 0, 0]),
        ...               torch.tensor([False, False, False, False, True]))
        tensor([0.4000, 0.0000, 1.0000, 0.0000, 1.0000])
    """
    decided = (is_corrected | (verification_labels == CORRECT)).to(similarity.dtype)
    return torch.where(verification_labels == UNVERIFIED, similarity.clamp(min=0), decided)


@dataclass(frozen=True, kw_only=True)
class VerifierLoss:
    """CleanNet's loss in a joint training; the first four are the published ones, see `functional.cleannet_loss`.

    Attributes:
        negative_weight: of mislabelled samples, > 0 (omega in the paper).
        margin: similarity below which a wrong class costs nothing, in [-1, 1] (rho).
        reconstruction_weight: >= 0 (beta).
        unsupervised_weight: of unverified samples under the label their own similarity suggests, >= 0 (gamma).
        classes_weight: >= 0, of the comparison with all classes (`all_classes_loss`); 0 = the published loss alone.
    """

    negative_weight: float = 5.0
    margin: float = 0.1
    reconstruction_weight: float = 0.1
    unsupervised_weight: float = 0.1
    classes_weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.negative_weight > 0:
            raise InvalidInputError(f"`negative_weight` must be above 0, got {self.negative_weight}")
        if not -1 <= self.margin <= 1:
            raise InvalidInputError(f"`margin` must lie in [-1, 1], got {self.margin}")
        for name in ("reconstruction_weight", "unsupervised_weight", "classes_weight"):
            if not getattr(self, name) >= 0:
                raise InvalidInputError(f"`{name}` must be 0 or more, got {getattr(self, name)}")


def published_loss(
    similarity: Float[Tensor, "B"],
    verification_labels: Int[Tensor, "B"],
    query: Float[Tensor, "B D"],
    reconstruction: Float[Tensor, "B D"],
    loss: VerifierLoss,
) -> Float[Tensor, ""]:
    """Give CleanNet's published loss of a batch, half of it for verified and half for unverified samples.

    So it is in the published batches of 32 and 32: few verified samples are not drowned by many others.

    Args:
        similarity: (B,) cosine of query and class embedding, in [-1, 1].
        verification_labels: (B,) 1 = label correct, 0 = mislabelled, -1 = unverified.
        query: (B, D) normalised features.
        reconstruction: (B, D) what the auto-encoder made of them.
        loss: its numbers.

    Returns:
        A number >= 0; a half is 0 where a batch holds no sample of its kind.
    """
    losses = cleannet_loss(
        similarity,
        verification_labels,
        query,
        reconstruction,
        negative_weight=loss.negative_weight,
        margin=loss.margin,
        reconstruction_weight=loss.reconstruction_weight,
        unsupervised_weight=loss.unsupervised_weight,
    )
    is_unverified = verification_labels == UNVERIFIED
    return 0.5 * (_mean_where(losses, ~is_unverified) + _mean_where(losses, is_unverified))


def all_classes_loss(
    similarities: Float[Tensor, "B C"],
    own: Int[Tensor, "B"],
    verification_labels: Int[Tensor, "B"],
    *,
    share_correct: float,
    margin: float,
) -> Float[Tensor, ""]:
    """Give the mean over samples of ``c (1 - s_own) + mean over other classes of max(0, s - margin)``.

    It is the published loss, read from given labels: an image is taken to belong to its class with chance c, and to
    none of the others. Verified labels of a few classes say nothing of where the others lie: a CleanNet that learns
    from them alone, together with its features, ends with similarities to other classes that mean nothing, or the
    reverse. This term places all classes, at the levels the published loss asks for. A label found wrong takes no part.

    Args:
        similarities: (B, C) cosines of query and class embeddings, in [-1, 1].
        own: (B,) the column of each sample's class.
        verification_labels: (B,) 1 = label correct, 0 = mislabelled, -1 = unverified.
        share_correct: c of an unverified label, in [0, 1]; that of one found correct is 1.
        margin: similarity below which another class costs nothing.

    Returns:
        A number >= 0.

    Example:
        >>> cosines = torch.tensor([[0.9, 0.3, 0.0], [0.5, 0.5, 0.5]])
        >>> all_classes_loss(cosines, torch.tensor([0, 1]), torch.tensor([1, 0]), share_correct=0.5, margin=0.1)
        tensor(0.1000)
    """
    pull = torch.where(verification_labels == UNVERIFIED, share_correct, verification_labels.to(similarities.dtype))
    is_own = torch.zeros_like(similarities, dtype=torch.bool).scatter(1, own[:, None], True)
    pushes = (similarities - margin).relu().masked_fill(is_own, 0.0).sum(1) / max(1, similarities.shape[1] - 1)
    losses = pull * (1 - similarities.gather(1, own[:, None])[:, 0]) + pushes
    return losses.masked_fill(verification_labels == MISLABELLED, 0.0).mean()


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)


@final
class RunningMean(nn.Module):
    """The mean of a number over the last steps: an exponential average, without a pull towards its start.

    Its state lies in buffers, so that a training that is gone on with has it.

    Args:
        decay: of the weight of earlier steps, in [0, 1); about 1 / (1 - decay) steps count.
    """

    total: Tensor
    count: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("total", torch.zeros(()))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, value: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Take a step's number in, and give the mean with it."""
        self.total.mul_(self.decay).add_(value.detach(), alpha=1 - self.decay)
        self.count.mul_(self.decay).add_(1 - self.decay)
        return self.total / self.count
