from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.types import ArrayTable
from noisette.verifier.inputs import batch_rows, check_finite, check_probs, check_training_data, int_vector


def check(**changed: Any) -> Any:
    arguments: dict[str, Any] = {
        "features": np.ones((3, 2)),
        "given_labels": [0, 1, 1],
        "verification_labels": [1, 0, -1],
        "correct_labels": None,
        "pred_probs": None,
        "class_names": None,
    }
    return check_training_data(**(arguments | changed))


def test_classes_come_from_labels_names_or_the_table() -> None:
    assert check().class_names == ("0", "1")
    assert check(class_names=["a", "b", "c"]).num_classes == 3
    assert check(features=ArrayTable(np.ones((3, 2)), ("x", "y"))).class_names == ("x", "y")


def test_a_corrected_row_gives_two_pairs() -> None:
    data = check(correct_labels=[-1, 0, -1])
    pairs = data.pairs()
    assert pairs.rows.tolist() == [0, 1, 1]
    assert pairs.labels.tolist() == [0, 1, 0]
    assert pairs.targets.tolist() == [1, 0, 1]


@pytest.mark.parametrize("correct", [-1, -2])
def test_a_mislabelled_row_without_a_right_class_gives_one_pair(correct: int) -> None:
    assert len(check(correct_labels=[-1, correct, -1]).pairs()) == 2


def test_a_right_class_of_a_row_that_is_correct_or_unverified_is_not_used() -> None:
    assert len(check(correct_labels=[1, -1, 0]).pairs()) == 2


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"features": np.ones((0, 2)), "given_labels": []}, InvalidInputError, "`features` has no rows"),
        ({"features": np.ones(3)}, ShapeError, r"`features` must have shape \(N, D\), got \(3,\)"),
        ({"given_labels": [0, 1]}, ShapeError, r"`given_labels` must have shape \(3,\), .* got \(2,\)"),
        ({"given_labels": ["a", "b", "c"]}, InvalidInputError, "`given_labels` must hold whole numbers"),
        ({"given_labels": [0, 1, 1.5]}, InvalidInputError, "`given_labels` must hold whole numbers"),
        ({"given_labels": [0, -1, 1]}, UnknownClassError, "got -1 at position 1"),
        ({"class_names": ["a"]}, UnknownClassError, r"0\.\.0 \(1 classes\), got 1 at position 1"),
        ({"class_names": ["a", "a"]}, InvalidInputError, "`class_names` must not name a class twice"),
        ({"verification_labels": [1, 2, 0]}, InvalidInputError, r"must hold only \(1, 0, -1\), got 2 at position 1"),
        ({"correct_labels": [-1, 7, -1]}, UnknownClassError, r"`correct_labels` must lie in 0\.\.1"),
        ({"pred_probs": np.ones((3, 3)) / 3}, ShapeError, r"`pred_probs` must have shape \(3, 2\), got \(3, 3\)"),
    ],
)
def test_the_door(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check(**changed)


@pytest.mark.parametrize("row", [[0.5, np.nan], [1.5, -0.5], [0.2, 0.2]])
def test_probabilities_that_are_none(row: list[float]) -> None:
    with pytest.raises(InvalidInputError, match=r"`pred_probs` must hold probabilities .* but row 1 does not"):
        check_probs(np.array([[0.5, 0.5], row]), 2, 2)


@pytest.mark.parametrize("values", [[1, 0], [True, False], [1.0, 0.0], torch.tensor([1, 0]), np.array([1, 0], np.int8)])
def test_whole_numbers_of_any_type(values: Any) -> None:
    vector = int_vector(values, 2, "x")
    assert vector.dtype == np.int64
    assert vector.tolist() == [1, 0]


def test_batches_stay_near_32_megabytes() -> None:
    assert batch_rows(2048) * 2048 * 4 == 1 << 25
    assert batch_rows(1) == 8192
    assert batch_rows(1 << 30) == 64


def test_a_number_that_is_not_finite_is_named_by_its_row() -> None:
    block = np.ones((3, 2))
    check_finite(block, range(3))
    block[1, 1] = np.inf
    with pytest.raises(InvalidInputError, match="but row 41 has NaN or infinity"):
        check_finite(block, range(40, 43))


def test_a_right_class_without_samples_gives_no_pair() -> None:
    pairs = check(correct_labels=[-1, 2, -1], class_names=["a", "b", "empty"]).pairs()
    assert pairs.labels.tolist() == [0, 1]


def test_features_without_columns() -> None:
    with pytest.raises(ShapeError, match=r"`features` must have shape \(N, D\) with D >= 1, got \(3, 0\)"):
        check(features=np.ones((3, 0)))
