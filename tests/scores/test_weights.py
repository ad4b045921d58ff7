from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import InvalidInputError
from noisette.scores.weights import hard_weights, soft_weights, summarize_weights
from tests.oracles import detection as oracle


def test_soft_and_hard_weights_at_their_edges() -> None:
    scores = np.array([-1.0, 0.0, 0.1, 1.0])
    assert soft_weights(scores).tolist() == [0.0, 0.0, 0.1, 1.0]
    assert hard_weights(scores, 0.1).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert soft_weights(scores, floor=0.05).tolist() == [0.05, 0.05, 0.1, 1.0]
    assert hard_weights(scores, 0.1, floor=0.05).tolist() == [0.05, 0.05, 1.0, 1.0]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.just(0.0), st.floats(1e-9, 1)), st.integers(0, 3)), min_size=1, max_size=30))
def test_summary_equals_the_slow_definition(rows: list[tuple[float, int]]) -> None:
    weight, labels = (np.array(column) for column in zip(*rows, strict=True))
    summary = summarize_weights(weight.astype(float), labels, 5)
    for label in range(5):
        own = [w for w, g in rows if g == label]
        assert summary.num_samples[label] == len(own)
        if not own:
            assert np.isnan(summary.kept_share[label])
            assert summary.effective_size[label] == 0
            continue
        assert summary.kept_share[label] == pytest.approx(sum(own) / len(own))
        assert summary.effective_size[label] == pytest.approx(oracle.effective_sample_size(own))
        assert summary.effective_size[label] <= len(own) + 1e-9


def test_warnings_name_the_classes_of_which_little_is_left() -> None:
    shares = np.array([0.05, 0.15, 0.2, 0.9, 0.0, 0.1])
    summary = summarize_weights(np.repeat(shares, 4), np.repeat(np.arange(6), 4), 7)
    assert [(w.class_id, w.level) for w in summary.warnings] == [
        (4, "very low"),
        (0, "very low"),
        (5, "low"),
        (1, "low"),
    ]
    assert summary.warnings[1].kept_share == pytest.approx(0.05)
    assert summary.warnings[0].effective_size == 0
    assert summary.warnings[1].effective_size == pytest.approx(4)


def test_equal_weights_count_in_full_even_where_squares_vanish() -> None:
    tiny = summarize_weights(np.full(5, 1e-200), np.zeros(5, dtype=int), 1)
    assert tiny.effective_size.tolist() == pytest.approx([5.0])


def test_no_samples() -> None:
    summary = summarize_weights(np.empty(0), np.empty(0, dtype=int), 2)
    assert np.isnan(summary.kept_share).all()
    assert summary.warnings == ()


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf])
def test_impossible_weights_are_named(bad: float) -> None:
    with pytest.raises(InvalidInputError, match="`sample_weight` must hold finite numbers >= 0"):
        summarize_weights(np.array([bad]), np.array([0]), 1)


def test_an_impossible_floor_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"`floor` must lie in \[0, 1\], got 2"):
        soft_weights(np.zeros(1), floor=2)
    with pytest.raises(InvalidInputError, match=r"`floor` must lie in \[0, 1\], got -1"):
        hard_weights(np.zeros(1), 0.5, floor=-1)
