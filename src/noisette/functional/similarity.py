"""Unit vectors and cosine similarity, safe at the zero vector in value and gradient."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

MIN_SQUARE = 1e-12
"""Vectors whose squared length is below this are scaled as if it were this: they stay short instead of blowing up."""


def unit_vectors(vectors: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
    """Scale each vector to length 1.

    Args:
        vectors: (..., D) floats.

    Returns:
        (..., D) vectors of length 1; the zero vector stays zero and passes no gradient on, so that one dead sample
        cannot send a huge gradient into a shared network.

    Example:
        >>> unit_vectors(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    if vectors.dtype == torch.float16:  # it holds neither MIN_SQUARE nor the square of a length above 256
        return unit_vectors(vectors.float()).half()
    squares = vectors.square().sum(dim=-1, keepdim=True)
    tiny = squares < MIN_SQUARE
    scale = squares.masked_fill(tiny, MIN_SQUARE).rsqrt()
    return torch.where(tiny, vectors.detach(), vectors) * scale


def cosine_similarity(first: Float[Tensor, "*rows E"], second: Float[Tensor, "*rows E"]) -> Float[Tensor, "*rows"]:
    """Give the cosine of each pair of vectors.

    Args:
        first: (B, E) vectors.
        second: (B, E) vectors, paired with `first`.

    Returns:
        (B,) cosines in [-1, 1] (up to rounding); 0 where a vector is zero, with gradient 0 at that vector.

    Example:
        >>> cosine_similarity(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
        tensor([0.7071, 0.0000])
    """
    return (unit_vectors(first) * unit_vectors(second)).sum(dim=-1)


def cosine_matrix(queries: Float[Tensor, "B E"], classes: Float[Tensor, "K E"]) -> Float[Tensor, "B K"]:
    """Give the cosine of every query with every class.

    Args:
        queries: (B, E) vectors.
        classes: (K, E) vectors. A row of NaN gives a column of NaN, and NaN gradients for every query: leave it out
            before differentiating.

    Returns:
        (B, K) cosines in [-1, 1] (up to rounding).
    """
    return unit_vectors(queries) @ unit_vectors(classes).T
