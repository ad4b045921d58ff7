from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.scores.relabel import RelabelRule, fit_relabel_rule, none_probability, suggest_labels


def _slow_suggestion(
    scores: list[float], given_label: int, quality: float, rule: RelabelRule
) -> tuple[int, float, float]:
    """One sample from the definition: the best label, its probability, and the sum of all probabilities."""
    parts = {c: math.exp(rule.scale * s) for c, s in enumerate(scores) if c != given_label and s != -math.inf}
    chance = {given_label: quality}
    none = (1 - quality) * (rule.none_rate if parts else 1.0)
    for c, part in parts.items():
        chance[c] = (1 - quality) * (1 - rule.none_rate) * part / sum(parts.values())
    chance[-2] = none
    return max(chance, key=lambda c: chance[c]), max(chance.values()), sum(chance.values())


score = st.one_of(st.floats(-5, 5), st.just(-math.inf))


@settings(max_examples=150, deadline=None)
@given(st.lists(score, min_size=1, max_size=6), st.integers(0, 5), st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 9))
def test_suggestions_equal_the_slow_definition(
    scores: list[float], given_label: int, quality: float, none_rate: float, scale: float
) -> None:
    given_label %= len(scores)
    rule = RelabelRule(scale, none_rate)
    label, chance = suggest_labels(np.array([scores]), np.array([given_label]), np.array([quality]), rule)
    slow_label, slow_chance, total = _slow_suggestion(scores, given_label, quality, rule)
    assert total == pytest.approx(1)
    assert 0 <= chance[0] <= 1
    assert chance[0] == pytest.approx(slow_chance)
    others = np.delete(np.array(scores), given_label)
    if np.unique(others).size == others.size and abs(slow_chance - quality) > 1e-9:
        assert label[0] == slow_label or chance[0] == pytest.approx(slow_chance, abs=1e-12)


def test_a_class_without_samples_is_never_suggested() -> None:
    scores = np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, 1.0]])
    labels, chances = suggest_labels(scores, np.array([2, 2]), np.zeros(2), RelabelRule())
    assert labels.tolist() == [0, -2]
    assert chances.tolist() == [1.0, 1.0]


def test_the_given_label_stays_where_it_is_best_and_scores_are_left_alone() -> None:
    scores = np.array([[0.0, 5.0]])
    labels, chances = suggest_labels(scores, np.array([0]), np.array([0.6]), RelabelRule())
    assert (labels[0], chances[0]) == (0, 0.6)
    assert scores.tolist() == [[0.0, 5.0]]


def test_no_rows() -> None:
    labels, chances = suggest_labels(np.empty((0, 3)), np.empty(0, dtype=np.int64), np.empty(0), RelabelRule())
    assert labels.shape == chances.shape == (0,)


def test_the_scale_of_the_softmax_is_learned() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (4000, 5))
    chance = np.exp(2.5 * scores)
    chance /= chance.sum(axis=1, keepdims=True)
    true = (rng.random((4000, 1)) > np.cumsum(chance, axis=1)).sum(axis=1)
    rule = fit_relabel_rule(scores, true, np.empty(0, dtype=np.int64))
    assert rule.scale == pytest.approx(2.5, rel=0.1)
    moved = fit_relabel_rule(10 * scores + 3, true, np.empty(0, dtype=np.int64))
    assert moved.scale == pytest.approx(rule.scale / 10, rel=1e-3)


def test_the_rate_of_none_of_the_classes_is_pulled_towards_zero() -> None:
    wrong = np.array([-2, 1, -1, -1, -2])
    assert fit_relabel_rule(np.empty((0, 3)), np.empty(0, dtype=np.int64), wrong) == RelabelRule(1.0, 2 / 5)
    assert fit_relabel_rule(np.empty((0, 3)), np.empty(0, dtype=np.int64), np.array([-1])).none_rate == 0.0


def test_rows_without_a_usable_right_class_are_left_out() -> None:
    scores = np.array([[0.0, 1.0], [1.0, 0.0], [-np.inf, 1.0]])
    only_first = fit_relabel_rule(scores[:1], np.array([1]), np.empty(0, dtype=np.int64))
    assert only_first == fit_relabel_rule(scores, np.array([1, -1, 0]), np.empty(0, dtype=np.int64))


def test_equal_scores_do_not_blow_up_the_scale() -> None:
    rule = fit_relabel_rule(np.full((7, 3), 0.1), np.zeros(7, dtype=np.int64), np.empty(0, dtype=np.int64))
    assert rule.scale <= 1000.0


def test_none_of_the_classes_has_its_part_of_being_wrong() -> None:
    quality, rule = np.array([0.0, 0.75, 1.0]), RelabelRule(none_rate=0.5)
    assert none_probability(quality, rule).tolist() == [0.5, 0.125, 0]
    assert none_probability(quality, rule, can_change=False).tolist() == [1, 0.25, 0]
    labels, chances = suggest_labels(np.zeros((3, 4)), np.zeros(3, np.int64), quality, rule)
    assert (labels[0], chances[0]) == (-2, none_probability(quality, rule)[0])
