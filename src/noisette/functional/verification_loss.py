"""CleanNet's loss: pull verified-correct pairs together, push mislabelled ones apart, rebuild every feature.

Lee, He, Zhang, Yang: CleanNet: Transfer Learning for Scalable Image Classifier Training with Label Noise, CVPR 2018.
All functions give one loss per sample; nothing is averaged here.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import relu

from noisette.errors import InvalidInputError, ShapeError
from noisette.types import CORRECT, MISLABELLED, UNVERIFIED

Labels = Float[Tensor, "B"] | Int[Tensor, "B"] | Bool[Tensor, "B"]


def cleannet_loss(
    similarity: Float[Tensor, "B"],
    verification_labels: Labels,
    query: Float[Tensor, "B D"],
    reconstruction: Float[Tensor, "B D"],
    *,
    negative_weight: float = 5.0,
    margin: float = 0.1,
    reconstruction_weight: float = 0.1,
    unsupervised_weight: float = 0.1,
) -> Float[Tensor, "B"]:
    """Give CleanNet's loss of each sample.

    With s the similarity, a sample verified as correct costs 1 - s and one verified as mislabelled
    ``negative_weight * max(0, s - margin)``. An unverified sample costs ``unsupervised_weight`` times the same loss
    under the label that its own similarity suggests (correct iff s >= margin). Besides, every sample costs
    ``reconstruction_weight * ||query - reconstruction||^2``.

    Args:
        similarity: (B,) cosine of query and class embedding, in [-1, 1].
        verification_labels: (B,) 1 = given label correct, 0 = mislabelled, -1 = unverified.
        query: (B, D) normalised features (`CleanNet.normalize`).
        reconstruction: (B, D) what the auto-encoder made of them.
        negative_weight: weight of mislabelled samples, > 0 (omega in the paper).
        margin: similarity below which a mislabelled sample costs nothing, in [-1, 1] (rho).
        reconstruction_weight: weight of the reconstruction, >= 0 (beta).
        unsupervised_weight: weight of unverified samples, >= 0 (gamma).

    Returns:
        (B,) losses >= 0; the batch loss is their mean.

    Raises:
        ShapeError: the shapes do not fit together.
        InvalidInputError: a verification label is not 1, 0 or -1.

    Example:
        >>> feature = torch.zeros(3, 2)
        >>> cleannet_loss(torch.tensor([0.9, 0.3, 0.5]), torch.tensor([1, 0, -1]), feature, feature)
        tensor([0.1000, 1.0000, 0.0500])
    """
    _check(similarity, verification_labels, query, reconstruction)
    verified = verified_loss(similarity, verification_labels, negative_weight=negative_weight, margin=margin)
    guessed = self_reinforcing_loss(similarity, negative_weight=negative_weight, margin=margin)
    pair_loss = torch.where(verification_labels == UNVERIFIED, unsupervised_weight * guessed, verified)
    return pair_loss + reconstruction_weight * reconstruction_loss(query, reconstruction)


def verified_loss(
    similarity: Float[Tensor, "B"], verification_labels: Labels, *, negative_weight: float = 5.0, margin: float = 0.1
) -> Float[Tensor, "B"]:
    """Give (B,) the supervised cosine loss, reading label 1 as correct and any other as mislabelled.

    Exactly at the margin the gradient is 0.
    """
    wrong = negative_weight * relu(similarity - margin)
    return torch.where(verification_labels == CORRECT, 1 - similarity, wrong)


def self_reinforcing_loss(
    similarity: Float[Tensor, "B"], *, negative_weight: float = 5.0, margin: float = 0.1
) -> Float[Tensor, "B"]:
    """Give (B,) the cosine loss under the labels that the similarities themselves suggest (correct iff s >= margin)."""
    suggested = (similarity.detach() >= margin).to(similarity.dtype)
    return verified_loss(similarity, suggested, negative_weight=negative_weight, margin=margin)


def reconstruction_loss(query: Float[Tensor, "B D"], reconstruction: Float[Tensor, "B D"]) -> Float[Tensor, "B"]:
    """Give (B,) squared distances between the normalised features and their reconstructions, summed over D."""
    return (query - reconstruction).square().sum(dim=-1)


def _check(similarity: Tensor, labels: Tensor, query: Tensor, reconstruction: Tensor) -> None:
    if similarity.ndim != 1:
        raise ShapeError(f"`similarity` must have shape (B,), got {tuple(similarity.shape)}")
    size = similarity.shape[0]
    if labels.shape != similarity.shape:
        raise ShapeError(
            f"`verification_labels` must have shape ({size},) as `similarity` has, got {tuple(labels.shape)}"
        )
    if query.ndim != 2 or query.shape[0] != size:
        raise ShapeError(f"`query` must have shape ({size}, D), got {tuple(query.shape)}")
    if reconstruction.shape != query.shape:
        raise ShapeError(
            f"`reconstruction` must have shape {tuple(query.shape)} as `query` has, got {tuple(reconstruction.shape)}"
        )
    known = (labels == CORRECT) | (labels == MISLABELLED) | (labels == UNVERIFIED)
    if not bool(known.all()):
        raise InvalidInputError(
            f"`verification_labels` must be 1, 0 or -1 (correct, mislabelled, unverified), "
            f"got {labels[~known][0].item()}"
        )
