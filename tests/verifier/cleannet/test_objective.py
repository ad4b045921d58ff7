from __future__ import annotations

from dataclasses import replace

import torch

from noisette.functional import cleannet_loss, cosine_similarity
from noisette.functional.class_losses import contrast_loss, ranking_loss
from noisette.verifier.cleannet.batches import Batch
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.objective import objective
from noisette.verifier.cleannet.recipe import DEFAULT, PAPER

LABELS = torch.tensor([1, 4, 4, 1, 3])
CLASSES = torch.tensor([1, 3, 4])
TARGETS = torch.tensor([1, 0, -1, 0, 1])


def batch() -> tuple[CleanNet, torch.Tensor, Batch]:
    generator = torch.Generator().manual_seed(0)
    net = CleanNet(6, "log", generator=generator)
    references = torch.rand(5, 3, 6, generator=generator)
    features = torch.rand(5, 6, generator=generator)
    return net, references, Batch(features, TARGETS, CLASSES, torch.searchsorted(CLASSES, LABELS))


def test_the_paper_objective_is_the_mean_published_loss() -> None:
    net, references, given = batch()
    terms = objective(net, references, given, PAPER, 0.5, torch.Generator())
    embeddings = net.embed_queries(given.features)
    own = cosine_similarity(embeddings, net.embed_references(references)[LABELS])
    expected = cleannet_loss(own, TARGETS, net.normalize(given.features), net.reconstruct(embeddings)).mean()
    torch.testing.assert_close(terms["loss"], expected)
    assert set(terms) == {"loss", "cosine", "reconstruction"}


def test_the_default_objective_ranks_and_contrasts() -> None:
    net, references, given = batch()
    recipe = replace(DEFAULT, cosine_weight=0.0, ranking_weight=2.0, contrast_weight=0.5)
    terms = objective(net, references, given, recipe, 0.75, torch.Generator())
    embeddings, classes = net.embed_queries(given.features), net.embed_references(references[CLASSES])
    similarities = torch.stack([cosine_similarity(embeddings, row.expand(5, -1)) for row in classes], dim=1)
    own = similarities[torch.arange(5), given.own]
    weights = torch.tensor([1.0, 0.0, 0.75, 0.0, 1.0])
    contrast = (weights * contrast_loss(similarities, given.own)).mean()
    torch.testing.assert_close(terms["contrast"], contrast)
    torch.testing.assert_close(terms["ranking"], ranking_loss(own, TARGETS))
    torch.testing.assert_close(terms["loss"], 2 * ranking_loss(own, TARGETS) + 0.5 * contrast)
