"""An informed start: before any training, both encoders compare features by directions that tell classes apart."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from noisette.verifier.cleannet.network import EMBEDDING_SIZE, CleanNet
from noisette.verifier.cleannet.recipe import CleanNetRecipe

_SAME = 1e-6
_TIE = 1e-3  # weight of the variance among directions that separate the classes equally well


def initialize(
    net: CleanNet,
    features: Float[Tensor, "N D"],
    labels: Int[Tensor, "N"],
    recipe: CleanNetRecipe,
    generator: torch.Generator,
    judge: Callable[[CleanNet], float] | None = None,
) -> None:
    """Fit the normalisation, and set the first weights as the recipe says.

    Args:
        net: the network, changed in place.
        features: raw features, a sample of the data.
        labels: their given labels.
        recipe: see its `initialization`.
        generator: draws the random weights.
        judge: says how good a start is (high = good), to choose among the recipe's shrinkages; None takes the first.
    """
    net.fit_normalization(features)
    net.reset_parameters(generator)
    if recipe.initialization == "xavier" or len(features) == 0:
        return
    with torch.no_grad():
        normalized = net.normalize(features)
        if float((normalized - normalized[0]).abs().max()) > _SAME:  # features all alike point nowhere
            _start_from_best(net, normalized, labels, recipe, judge)


def separating_directions(
    features: Float[Tensor, "N D"], labels: Int[Tensor, "N"], shrinkages: Sequence[float]
) -> Iterator[Float[Tensor, "D D"]]:
    """Yield, for each shrinkage, directions (columns) that whiten the features and separate the given classes.

    This is a linear discriminant analysis on labels of which some are wrong: whiten by the total covariance (its
    eigenvalues raised by the shrinkage times their mean; a large one leaves distances as they are), then turn to the
    axes of the class means. The directions that separate best come first.
    """
    centred = features - features.mean(dim=0)
    variances, axes = torch.linalg.eigh(centred.T @ centred / max(1, len(features) - 1))
    variances = variances.clamp(min=0)
    means = _class_means(features, labels) @ axes
    for shrinkage in shrinkages:
        scale = (variances + shrinkage * variances.mean()).clamp(min=_SAME**2).rsqrt()
        whitened = means * scale
        spread = whitened.T @ whitened / len(means) + _TIE * torch.diag(variances * scale**2)
        yield (axes * scale) @ torch.linalg.eigh(spread).eigenvectors.flip(1)


def _class_means(features: Tensor, labels: Tensor) -> Tensor:
    _, places, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    sums = features.new_zeros(len(counts), features.shape[1]).index_add_(0, places, features)
    means = sums / counts[:, None]
    centred: Tensor = means - means.mean(dim=0)
    return centred


def _start_from_best(
    net: CleanNet,
    features: Tensor,
    labels: Tensor,
    recipe: CleanNetRecipe,
    judge: Callable[[CleanNet], float] | None,
) -> None:
    """Start from the directions of the shrinkage that the judge finds best; of equals the first."""
    shrinkages = (recipe.whitening_shrinkage, *(recipe.other_shrinkages if judge is not None else ()))
    best, best_value = net, -math.inf
    for directions in separating_directions(features, labels, shrinkages):
        candidate = copy.deepcopy(net)
        _start_from(candidate, directions, features, recipe)
        value = 0.0 if judge is None else judge(candidate)
        if value > best_value:
            best, best_value = candidate, value
    net.load_state_dict(best.state_dict())


def _start_from(net: CleanNet, directions: Tensor, features: Tensor, recipe: CleanNetRecipe) -> None:
    """Make both encoders the same projection on the leading directions, over a share of random weights."""
    size = (features @ directions[:, :EMBEDDING_SIZE]).square().mean().sqrt()
    directions = directions * (recipe.initial_scale / size)
    references, queries = net.reference_encoder, net.query_encoder
    references.context.zero_()  # attention is even at first
    for first, rest in ((references.hidden, [references.features, references.out]), (queries.hidden, [queries.embed])):
        kept = directions.T[: first.out_features]
        first.weight.mul_(recipe.initial_noise)
        first.weight[: len(kept)] = kept
        for layer in rest:
            kept_size = min(layer.in_features, layer.out_features, len(directions))
            layer.weight.mul_(recipe.initial_noise)
            layer.weight[:kept_size, :kept_size] += torch.eye(kept_size, dtype=layer.weight.dtype)
