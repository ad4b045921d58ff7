"""CleanNet's weights under the names and in the layout of the reference implementation's TensorFlow variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from noisette.errors import InvalidInputError, ShapeError
from noisette.types import FloatArray, as_numpy

_LAYERS = {
    "query_encoder/fully_connected": "query_encoder.hidden",
    "query_encoder/fully_connected_1": "query_encoder.embed",
    "query_encoder/fully_connected_2": "query_encoder.expand",
    "query_encoder/fully_connected_3": "query_encoder.out",
    "ref_set_encoder/fully_connected": "reference_encoder.hidden",
    "ref_set_encoder/fully_connected_1": "reference_encoder.features",
    "ref_set_encoder/fully_connected_2": "reference_encoder.attention",
    "ref_set_encoder/fully_connected_3": "reference_encoder.out",
}
WEIGHT_NAMES: dict[str, str] = {
    **{f"{theirs}/weights": f"{ours}.weight" for theirs, ours in _LAYERS.items()},
    **{f"{theirs}/biases": f"{ours}.bias" for theirs, ours in _LAYERS.items()},
    "ref_set_encoder/context": "reference_encoder.context",
}
"""TensorFlow variable name -> parameter name of `CleanNet`."""


def import_weights(net: nn.Module, arrays: Mapping[str, Any]) -> None:
    """Copy weights into a network; either all of them or, on an error, none. See `CleanNet.load_reference_weights`."""
    missing, unknown = sorted(WEIGHT_NAMES.keys() - arrays.keys()), sorted(arrays.keys() - WEIGHT_NAMES.keys())
    if missing or unknown:
        problems = [
            f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names
        ]
        raise InvalidInputError(
            f"`arrays` must hold exactly the {len(WEIGHT_NAMES)} variables of CleanNet, got {'; '.join(problems)}; "
            "leave out optimiser variables and any prefix before 'query_encoder/' or 'ref_set_encoder/'"
        )
    parameters = dict(net.named_parameters())
    values = {ours: _checked(theirs, arrays[theirs], parameters[ours]) for theirs, ours in WEIGHT_NAMES.items()}
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(value)


def export_weights(net: nn.Module) -> dict[str, FloatArray]:
    """Give a network's weights as {TensorFlow variable name: array}, matrices as (in, out)."""
    parameters = dict(net.named_parameters())
    return {theirs: np.array(_turned(parameters[ours].detach().cpu()).numpy()) for theirs, ours in WEIGHT_NAMES.items()}


def _checked(name: str, array: Any, parameter: Tensor) -> Tensor:
    value = torch.tensor(as_numpy(array), dtype=parameter.dtype)
    wanted = tuple(_turned(parameter).shape)
    if tuple(value.shape) != wanted:
        layout = " as (in, out)" if len(wanted) == 2 else ""
        raise ShapeError(
            f"`arrays[{name!r}]` must have shape {wanted}{layout}, got {tuple(value.shape)}; was the network "
            "trained on features of another size?"
        )
    return _turned(value)


def _turned(value: Tensor) -> Tensor:
    return value.T if value.ndim == 2 else value
