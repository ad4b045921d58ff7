from __future__ import annotations

import numpy as np
import pytest

from noisette.errors import ShapeError
from noisette.verifier.inputs import TrainingData, check_training_data
from noisette.verifier.set_aside import picture_numbers, set_aside, with_copies


def make_data(size: int = 200) -> TrainingData:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(size, 4))
    features[5] = features[2]
    verified = np.where(np.arange(size) == 5, -1, np.arange(size) % 2)
    verified[7] = -1
    return check_training_data(features, np.arange(size) % 4, verified, None, None, None)


def test_pictures_are_told_apart_among_verified_rows() -> None:
    data = make_data()
    groups = np.full(200, -1)
    groups[[0, 3, 7]] = 9
    pictures = picture_numbers(data, groups)
    assert pictures[0] == pictures[3]
    assert pictures[[5, 7]].tolist() == [-1, -1]
    assert np.unique(pictures[data.verified_rows]).size == data.verified_rows.size - 1
    assert with_copies(pictures, np.array([3, 7])).tolist() == [0, 3, 7]


def test_a_share_of_the_pictures_is_set_aside_whole() -> None:
    data, groups = make_data(), np.full(200, -1)
    groups[100:] = np.arange(100) // 4
    pictures = picture_numbers(data, groups)
    rows = data.verified_rows
    found = set_aside(data, rows, pictures, 0.25, np.random.default_rng(0))
    assert with_copies(pictures, found).tolist() == found.tolist()
    share = np.unique(pictures[found]).size / np.unique(pictures[rows]).size
    assert share == pytest.approx(0.25, abs=0.01)


def test_without_groups_rows_are_drawn_evenly_over_classes_and_kinds() -> None:
    data = make_data()
    rows = data.verified_rows
    found = set_aside(data, rows, picture_numbers(data, None), 0.2, np.random.default_rng(3))
    counts = np.bincount(data.given_labels[found] * 2 + data.verification_labels[found])
    assert found.size == pytest.approx(rows.size * 0.2, abs=1)
    assert np.ptp(counts[counts > 0]) <= 2


def test_groups_of_another_length() -> None:
    with pytest.raises(ShapeError, match=r"`duplicate_groups` must have shape \(200,\)"):
        picture_numbers(make_data(), np.zeros(3))
