"""Bringing features of any backbone to a scale that tanh layers can work with."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from jaxtyping import Float
from torch import Tensor

from noisette.errors import InvalidInputError
from noisette.functional.similarity import unit_vectors

Normalization: TypeAlias = Literal["log", "l2", "none", "auto"]
NORMALIZATIONS: tuple[Normalization, ...] = get_args(Normalization)


def check_normalization(normalization: str) -> None:
    """Raise InvalidInputError for a name that is none of `NORMALIZATIONS`."""
    if normalization not in NORMALIZATIONS:
        known = ", ".join(map(repr, NORMALIZATIONS))
        raise InvalidInputError(f"`normalization` must be one of {known}, got {normalization!r}")


def normalize(
    features: Float[Tensor, "*rows D"], normalization: Normalization, centre: Float[Tensor, "D"]
) -> Float[Tensor, "*rows D"]:
    """Normalise feature vectors.

    Args:
        features: (..., D) raw features; NaN stays NaN.
        normalization: "log" = log(v + 1), the paper's; "l2" = v / ||v||; "none"; "auto" = direction from the centre of
            the data: v / ||v|| less `centre`, scaled to length 1 again. "auto" takes features of any sign and scale.
        centre: (D,) mean of v / ||v|| over the data; zeros make "auto" the same as "l2".

    Raises:
        InvalidInputError: "log" of a value <= -1.
    """
    if normalization == "log":
        if bool((features <= -1).any()):
            raise InvalidInputError(
                "`normalization='log'` needs features > -1 (such as those after a ReLU), got "
                f"{features.detach().nan_to_num().min().item():g}; use 'auto', 'l2' or 'none' for "
                "features of both signs"
            )
        return features.log1p()
    if normalization == "l2":
        return unit_vectors(features)
    if normalization == "auto":
        return unit_vectors(unit_vectors(features) - centre)
    return features


def fit_centre(features: Float[Tensor, "N D"]) -> Float[Tensor, "D"]:
    """Give the (D,) mean direction of the rows without NaN; zeros where there is no such row."""
    directions = unit_vectors(features[~features.isnan().any(dim=1)])
    return directions.mean(dim=0) if len(directions) else features.new_zeros(features.shape[1])
