"""The loss of a joint step, slowly: one sample at a time, from the formulas, in float64."""

from __future__ import annotations

import math

import numpy as np

from noisette.training import VerifierLoss
from tests.oracles import cleannet as oracle
from tests.oracles.cleannet import Array, Weights


def classifier_loss(logits: Array, learned: Array, weights: list[float]) -> float:
    total = 0.0
    for row, label, weight in zip(logits, learned, weights, strict=True):
        top = float(row.max())
        total += weight * (top + math.log(sum(math.exp(float(value) - top) for value in row)) - float(row[label]))
    return total / len(weights)


def raw_weight(similarity: float, verification: int, is_corrected: bool) -> float:
    if verification == -1:
        return max(0.0, similarity)
    return 1.0 if verification == 1 or is_corrected else 0.0


def similarities(features: Array, references: Array, w: Weights) -> list[list[float]]:
    """(B, K) cosines; 0 for a class without references."""
    classes = [None if np.isnan(one).any(1).all() else oracle.class_embedding(one, w, "l2") for one in references]
    queries = [oracle.query_embedding(feature, w, "l2") for feature in features]
    return [[0.0 if one is None else oracle.cosine(query, one) for one in classes] for query in queries]


def verifier_loss(
    features: Array, compared: Array, verification: Array, references: Array, w: Weights, loss: VerifierLoss,
    share_correct: float, drawn: int,
) -> float:  # fmt: skip
    """Half of the published loss of verified samples, half of that of others, and all classes for the first `drawn`."""
    table = similarities(features, references, w)
    kinds: dict[bool, list[float]] = {True: [], False: []}
    for feature, row, label, verified in zip(features, table, compared, verification.tolist(), strict=True):
        query = oracle.normalized(feature, "l2")
        rebuilt = oracle.reconstruction(oracle.query_embedding(feature, w, "l2"), w)
        kinds[verified != -1].append(
            oracle.loss(
                row[label], verified, query, rebuilt, negative_weight=loss.negative_weight, margin=loss.margin,
                reconstruction_weight=loss.reconstruction_weight, unsupervised_weight=loss.unsupervised_weight,
            )
        )  # fmt: skip
    halves = sum(sum(values) / len(values) / 2 for values in kinds.values() if values)
    placed = [
        all_classes(row, label, verified, references, loss.margin, share_correct)
        for row, label, verified in zip(table[:drawn], compared, verification.tolist(), strict=False)
    ]
    return halves + loss.classes_weight * sum(placed) / drawn


def all_classes(
    row: list[float], label: int, verified: int, references: Array, margin: float, share_correct: float
) -> float:
    if verified == 0:
        return 0.0
    shown = [place for place, one in enumerate(references) if place == label or not np.isnan(one).any(1).all()]
    pushes = [max(0.0, row[place] - margin) for place in shown if place != label]
    return (1.0 if verified == 1 else share_correct) * (1 - row[label]) + sum(pushes) / max(1, len(shown) - 1)
