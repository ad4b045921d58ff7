from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import InvalidInputError, ShapeError
from noisette.scores.decisions import label_scores, labels_in_force
from noisette.types import LabelScores


def _one(
    *,
    truth: int = -1,
    correct: int = -1,
    given_label: int = 0,
    quality: float = 0.3,
    verdict: bool = False,
    suggested: int = 1,
    chance: float = 0.5,
    weight: float = 0.3,
) -> dict[str, float]:
    found = label_scores(
        [given_label],
        scores=[0.25],
        label_quality=[quality],
        verdict=[verdict],
        suggested=[suggested],
        suggested_probability=[chance],
        sample_weight=[weight],
        verification_labels=[truth],
        correct_labels=[correct],
    )
    assert found.score.tolist() == [0.25]
    return {
        "quality": found.label_quality[0],
        "issue": found.is_label_issue[0],
        "suggested": found.suggested_label[0],
        "chance": found.suggested_probability[0],
        "weight": found.sample_weight[0],
    }


def test_an_unverified_sample_keeps_what_the_verifier_says() -> None:
    assert _one() == {"quality": 0.3, "issue": True, "suggested": 1, "chance": 0.5, "weight": 0.3}
    assert not _one(verdict=True)["issue"]


@pytest.mark.parametrize(("weight", "kept"), [(0.0, 1.0), (0.3, 1.0), (2.5, 2.5)])
def test_verified_correct(weight: float, kept: float) -> None:
    assert _one(truth=1, weight=weight) == {"quality": 1, "issue": False, "suggested": 0, "chance": 1, "weight": kept}
    assert _one(truth=1, correct=0)["suggested"] == 0


def test_verified_wrong_keeps_the_suggestion_given_that_the_label_is_wrong() -> None:
    found = _one(truth=0, verdict=True)
    assert found == {"quality": 0, "issue": True, "suggested": 1, "chance": pytest.approx(0.5 / 0.7), "weight": 0}
    assert _one(truth=0, quality=1.0, chance=0.0)["chance"] <= 1
    assert _one(truth=0, suggested=-2)["suggested"] == -2


def test_verified_wrong_where_the_verifier_had_suggested_the_given_label() -> None:
    found = _one(truth=0, suggested=0, chance=0.9, quality=0.9)
    assert (found["suggested"], found["chance"]) == (-1, 0)


@pytest.mark.parametrize("correct", [2, -2])
def test_corrected(correct: int) -> None:
    found = _one(truth=0, correct=correct, weight=1.0)
    assert found == {"quality": 0, "issue": True, "suggested": correct, "chance": 1, "weight": 0}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.floats(0, 1),
            st.booleans(),
            st.integers(-2, 3),
            st.floats(0, 1),
            st.floats(0, 2),
            st.sampled_from([1, 0, -1]),
        ),
        max_size=20,
    )
)
def test_everything_stays_in_range_and_no_row_touches_another(rows: list[tuple[float, ...]]) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.empty(0)] * 7

    def apply(keep: slice) -> LabelScores:
        given_label, quality, verdict, suggested, chance, weight, truth = (column[keep] for column in columns)
        return label_scores(
            given_label.astype(int),
            scores=quality,
            label_quality=quality,
            verdict=verdict.astype(bool),
            suggested=suggested,
            suggested_probability=chance,
            sample_weight=weight,
            verification_labels=truth,
        )

    whole = apply(slice(None))
    for values in (whole.label_quality, whole.suggested_probability):
        assert ((values >= 0) & (values <= 1)).all()
    assert (whole.sample_weight >= 0).all()
    for i in range(len(rows)):
        part = apply(slice(i, i + 1))
        assert part.label_quality[0] == whole.label_quality[i]
        assert part.suggested_probability[0] == whole.suggested_probability[i]
        assert part.sample_weight[0] == whole.sample_weight[i]


def test_a_verifier_that_only_ranks_leaves_the_rest_open() -> None:
    found = label_scores([0, 1, 2], scores=[0.1, 0.2, 0.3], verification_labels=[-1, 1, 0])
    np.testing.assert_array_equal(found.label_quality, [math.nan, 1, 0])
    assert found.is_label_issue.tolist() == [False, False, True]
    assert found.suggested_label.tolist() == [-1, 1, -1]
    np.testing.assert_array_equal(found.suggested_probability, [math.nan, 1, 0])
    assert found.sample_weight.tolist() == [1, 1, 0]


def test_the_label_quality_is_the_weight_where_none_is_given() -> None:
    found = label_scores([0, 0], scores=[1, 2], label_quality=[0.25, 0.5], verification_labels=[-1, 0])
    assert found.sample_weight.tolist() == [0.25, 0.0]


def test_contradictions_are_named() -> None:
    with pytest.raises(InvalidInputError, match="`correct_labels` is 1 at position 1, where the given label is 0"):
        label_scores([0, 0], scores=[0, 0], verification_labels=[1, 1], correct_labels=[-1, 1])
    with pytest.raises(InvalidInputError, match="`correct_labels` is 0 at position 0"):
        label_scores([0], scores=[0], verification_labels=[0], correct_labels=[0])
    with pytest.raises(InvalidInputError, match=r"`correct_labels` is -2 at position 0.*verification label -1"):
        label_scores([0], scores=[0], verification_labels=[-1], correct_labels=[-2])
    with pytest.raises(InvalidInputError, match="must hold only 1, 0 and -1, got 3 at position 0"):
        label_scores([0], scores=[0], verification_labels=[3])
    with pytest.raises(ShapeError, match=r"`scores` must have shape \(2,\), got \(1,\)"):
        label_scores([0, 0], scores=[0], verification_labels=[1, 1])


@pytest.mark.parametrize(
    ("truth", "correct", "expected"),
    [(-1, -1, 0.2), (1, -1, 0), (0, 2, 0), (0, -2, 1), (0, -1, 0.2 / 0.8)],
    ids=["unverified", "correct", "corrected", "none of them", "wrong"],
)
def test_none_of_the_classes_after_a_decision(truth: int, correct: int, expected: float) -> None:
    found = label_scores(
        [0], scores=[0.1], label_quality=[0.2], none_probability=[0.2], verification_labels=[truth],
        correct_labels=[correct],
    )  # fmt: skip
    assert found.none_probability[0] == pytest.approx(expected)
    without = label_scores([0], scores=[0.1], verification_labels=[truth], correct_labels=[correct])
    assert math.isnan(without.none_probability[0]) == (correct == -1 and truth != 1)


def test_a_corrected_label_is_in_force_instead_of_the_given_one() -> None:
    given, truth = np.array([4, 4, 4, 4, 4]), np.array([-1, 1, 0, 0, 0])
    assert labels_in_force(given, truth, np.array([-1, -1, -1, 2, -2])).tolist() == [4, 4, -1, 2, -2]
