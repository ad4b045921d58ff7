"""CleanNet, slowly: one class, one reference, one sample at a time, from the paper's formulas, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Weights = dict[str, Array]


def normalized(v: Array, how: str) -> Array:
    if how == "log":
        return np.array([math.log(x + 1) for x in v])
    if how == "l2":
        length = math.sqrt(sum(float(x) ** 2 for x in v))
        return v / length if length else v
    return v


def class_embedding(references: Array, w: Weights, how: str) -> Array:
    """(R, D) raw references -> (128,); rows of NaN do not exist."""
    members, votes = [], []
    for reference in references:
        if np.isnan(reference).any():
            continue
        hidden = np.tanh(
            normalized(reference, how) @ w["ref_set_encoder/fully_connected/weights"] + _bias(w, "ref_set", "")
        )
        member = np.tanh(hidden @ w["ref_set_encoder/fully_connected_1/weights"] + _bias(w, "ref_set", "_1"))
        attention = np.tanh(member @ w["ref_set_encoder/fully_connected_2/weights"] + _bias(w, "ref_set", "_2"))
        members.append(member)
        votes.append(math.exp(float(attention @ w["ref_set_encoder/context"])))
    pooled = sum((vote / sum(votes) * member for vote, member in zip(votes, members, strict=True)), np.zeros(256))
    embedding: Array = np.tanh(pooled @ w["ref_set_encoder/fully_connected_3/weights"] + _bias(w, "ref_set", "_3"))
    return embedding


def query_embedding(feature: Array, w: Weights, how: str) -> Array:
    hidden = np.tanh(normalized(feature, how) @ w["query_encoder/fully_connected/weights"] + _bias(w, "query", ""))
    embedding: Array = np.tanh(hidden @ w["query_encoder/fully_connected_1/weights"] + _bias(w, "query", "_1"))
    return embedding


def reconstruction(embedding: Array, w: Weights) -> Array:
    hidden = np.tanh(embedding @ w["query_encoder/fully_connected_2/weights"] + _bias(w, "query", "_2"))
    rebuilt: Array = np.tanh(hidden @ w["query_encoder/fully_connected_3/weights"] + _bias(w, "query", "_3"))
    return rebuilt


def cosine(a: Array, b: Array) -> float:
    lengths = math.sqrt(float(a @ a)) * math.sqrt(float(b @ b))
    return float(a @ b) / lengths if lengths else 0.0


def loss(
    s: float,
    label: int,
    query: Array,
    rebuilt: Array,
    *,
    negative_weight: float,
    margin: float,
    reconstruction_weight: float,
    unsupervised_weight: float,
) -> float:
    """The loss of one sample; label 1, 0 or -1."""
    total = reconstruction_weight * sum(float(q - r) ** 2 for q, r in zip(query, rebuilt, strict=True))
    weight = 1.0
    if label == -1:
        weight, label = unsupervised_weight, int(s >= margin)
    return total + weight * (1 - s if label == 1 else negative_weight * max(0.0, s - margin))


def _bias(w: Weights, encoder: str, layer: str) -> Array:
    return w[f"{encoder}_encoder/fully_connected{layer}/biases"]
