"""Which label a sample should have instead: class scores to class probabilities to one suggestion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from noisette.types import NONE_OF_THE_CLASSES, BoolArray, Float64Array, IntArray


@dataclass(frozen=True)
class RelabelRule:
    """How class scores become probabilities.

    Attributes:
        scale: inverse temperature > 0 of the softmax over class scores.
        none_rate: P(none of the classes | the given label is wrong), in [0, 1].
    """

    scale: float = 1.0
    none_rate: float = 0.0


def fit_relabel_rule(class_scores: Float64Array, true_labels: IntArray, wrong_labels: IntArray) -> RelabelRule:
    """Learn the rule from samples whose right class is known.

    Args:
        class_scores: (M, K) out-of-sample scores of every class; -inf for classes that cannot be suggested.
        true_labels: (M,) the right class, where known; rows with a negative label are left out.
        wrong_labels: correct labels of the mislabelled samples (-1 not known, -2 none of the classes, else a class).

    Returns:
        The rule; `scale` maximises the likelihood of the right classes, within [0.01, 1000] / spread of the scores.
    """
    known = wrong_labels[wrong_labels != -1]
    # Two imagined samples that had a class keep a few of "none" from meaning "always none".
    none_rate = float((known == NONE_OF_THE_CLASSES).sum()) / (known.size + 2.0)
    usable = np.flatnonzero(true_labels >= 0)
    scores, labels = class_scores[usable], true_labels[usable]
    finite = np.isfinite(scores[np.arange(labels.size), labels])
    scores, labels = scores[finite], labels[finite]
    if labels.size == 0:
        return RelabelRule(none_rate=none_rate)
    values = scores[np.isfinite(scores)]
    spread = float(np.std(values)) if np.ptp(values) > 0 else 1.0

    def loss(log_scale: float) -> float:
        logits = np.exp(log_scale) / spread * scores
        return -float(log_softmax(logits, axis=1)[np.arange(labels.size), labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.01), np.log(1000.0)), method="bounded")
    return RelabelRule(float(np.exp(found.x) / spread), none_rate)


def suggest_labels(
    class_scores: Float64Array, given_labels: IntArray, label_quality: Float64Array, rule: RelabelRule
) -> tuple[IntArray, Float64Array]:
    """Give the best label of each sample and its probability.

    The given label keeps P(correct) = its label quality; the rest of the probability is shared among the other classes
    by the softmax of their scores, less the part of "none of the classes".

    Args:
        class_scores: (N, K) scores of every class; -inf for a class that is never suggested.
        given_labels: (N,) class ids.
        label_quality: (N,) P(given label is correct) in [0, 1].
        rule: from `fit_relabel_rule`.

    Returns:
        (N,) class ids (-2 = none of the classes) and (N,) probabilities in [0, 1].

    Example:
        >>> scores, given = np.array([[3.0, 0.0, 1.0]]), np.array([1])
        >>> label, probability = suggest_labels(scores, given, np.array([0.1]), RelabelRule())
        >>> label.tolist(), probability.round(2).tolist()
        ([0], [0.79])
    """
    rows = np.arange(given_labels.size)
    others = rule.scale * class_scores
    others[rows, given_labels] = -np.inf
    can_change = np.isfinite(others).any(axis=1)
    shares = np.zeros_like(others)
    shares[can_change] = softmax(others[can_change], axis=1)
    wrong = 1.0 - label_quality
    probabilities = shares * (wrong * (1.0 - rule.none_rate))[:, None]
    probabilities[rows, given_labels] = label_quality
    best = probabilities.argmax(axis=1)
    chance = probabilities[rows, best]
    none = none_probability(label_quality, rule, can_change)
    is_none = none > chance
    suggested = np.where(is_none, NONE_OF_THE_CLASSES, best).astype(np.int64)
    return suggested, np.where(is_none, none, chance)


def none_probability(
    label_quality: Float64Array, rule: RelabelRule, can_change: BoolArray | np.bool_ | bool = True
) -> Float64Array:
    """Give the (N,) P(none of the classes): of the chance that the label is wrong, the share that `rule` learned.

    Args:
        label_quality: (N,) P(given label is correct) in [0, 1].
        rule: from `fit_relabel_rule`.
        can_change: (N,) False where no other class is known that the sample could belong to: then a wrong label means
            none of the classes.
    """
    chance: Float64Array = (1.0 - label_quality) * np.where(can_change, rule.none_rate, 1.0)
    return chance
