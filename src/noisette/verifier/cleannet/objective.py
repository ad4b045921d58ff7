"""The loss of one step: the published terms, and the two that compare across samples and classes."""

from __future__ import annotations

import torch
from torch import Tensor

from noisette.functional.class_losses import contrast_loss, ranking_loss
from noisette.functional.similarity import cosine_matrix
from noisette.functional.verification_loss import reconstruction_loss, self_reinforcing_loss, verified_loss
from noisette.types import UNVERIFIED
from noisette.verifier.cleannet.batches import Batch
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.recipe import CleanNetRecipe


def objective(
    net: CleanNet,
    references: Tensor,
    batch: Batch,
    recipe: CleanNetRecipe,
    share_correct: float,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Give the terms of the loss (scalars, means over the batch, before weighting) and "loss", their weighted sum.

    Args:
        net: the network; class embeddings are computed once a class.
        references: (K, R, D) raw references.
        batch: the samples of this step.
        recipe: weights; a term of weight 0 is neither computed nor given.
        share_correct: weight in [0, 1] of an unverified sample in the contrast.
        generator: draws the dropout masks.
    """
    embeddings = net.embed_queries(batch.features)
    classes = net.embed_references(references[batch.classes], generator=generator)
    similarities = cosine_matrix(embeddings, classes)
    own = similarities.gather(1, batch.own[:, None])[:, 0]
    terms: dict[str, tuple[float, Tensor]] = {}
    if recipe.cosine_weight:
        terms["cosine"] = recipe.cosine_weight, _cosine(own, batch.targets, recipe).mean()
    if recipe.reconstruction_weight:
        rebuilt = reconstruction_loss(net.normalize(batch.features), net.reconstruct(embeddings))
        terms["reconstruction"] = recipe.reconstruction_weight, rebuilt.mean()
    if recipe.ranking_weight:
        terms["ranking"] = recipe.ranking_weight, ranking_loss(own, batch.targets, scale=recipe.ranking_scale)
    if recipe.contrast_weight:
        weights = torch.where(batch.targets == UNVERIFIED, share_correct, batch.targets.to(own.dtype))
        contrast = contrast_loss(similarities, batch.own, scale=recipe.contrast_scale)
        terms["contrast"] = recipe.contrast_weight, (weights * contrast).mean()
    total = torch.stack([weight * term for weight, term in terms.values()]).sum()
    return {"loss": total} | {name: term for name, (_, term) in terms.items()}


def _cosine(own: Tensor, targets: Tensor, recipe: CleanNetRecipe) -> Tensor:
    verified = verified_loss(own, targets, negative_weight=recipe.negative_weight, margin=recipe.margin)
    guessed = self_reinforcing_loss(own, negative_weight=recipe.negative_weight, margin=recipe.margin)
    return torch.where(targets == UNVERIFIED, recipe.unsupervised_weight * guessed, verified)
