"""The classifier behind a noise channel finds the right classes without a verification label."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from noisette.types import Float32Array, IntArray
from noisette.verifier.evidence.noise_channel import channel_ratios, fit_noise_channel, right_classes


def confused(size: int = 3000) -> tuple[Float32Array, IntArray, IntArray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=size)
    features = (2 * np.eye(3)[truth] + rng.normal(size=(size, 3)) / 2).astype(np.float32)
    given = np.where(rng.random(size) < 0.3, (truth + 1) % 3, truth)
    return features, given, truth


def test_the_right_classes_are_found_behind_confused_labels() -> None:
    features, given, truth = confused()
    found = fit_noise_channel(features, given, np.arange(3000) % 5, 3)
    assert set(found) == {"plain", "refined"}
    right, channel = found["refined"]["right"], found["refined"]["channel"]
    assert np.mean(right.argmax(axis=1) == truth) > 0.97
    np.testing.assert_allclose(channel, 0.7 * np.eye(3) + 0.3 * np.roll(np.eye(3), 1, axis=1), atol=0.08)


def test_rounds_bring_the_channel_nearer_to_the_truth() -> None:
    features, given, _ = confused()
    found = fit_noise_channel(features, given, np.arange(3000) % 5, 3)
    truth = 0.7 * np.eye(3) + 0.3 * np.roll(np.eye(3), 1, axis=1)
    far = {name: np.abs(stage["channel"] - truth).mean() for name, stage in found.items()}
    assert far["refined"] < far["plain"]


def test_no_rounds_and_a_fixed_penalty_leave_one_stage() -> None:
    features, given, _ = confused(200)
    assert set(fit_noise_channel(features, given, np.arange(200) % 5, 3, inverse_penalty=0.1, max_rounds=0)) == {
        "plain"
    }


def test_progress_is_told_round_by_round() -> None:
    features, given, _ = confused(500)
    told: list[tuple[str, int, int]] = []
    fit_noise_channel(
        features,
        given,
        np.arange(500) % 5,
        3,
        max_rounds=3,
        progress=lambda *step: told.append((step[0], step[1], step[2])),
    )
    assert told[0] == ("classifier", 0, 6)
    assert told[-1] == ("classifier", 6, 6)


def test_a_ratio_is_that_of_the_joint_probabilities() -> None:
    rng = np.random.default_rng(1)
    logs, labels = log_softmax(rng.normal(size=(6, 3)), axis=1), np.array([0, 1, 2, 0, 1, 2])
    channel = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6]])
    for row, ratio in enumerate(channel_ratios(logs, labels, channel)):
        joint = [np.exp(logs[row, k]) * channel[k, labels[row]] for k in range(3)]
        own = joint.pop(labels[row])
        assert ratio == pytest.approx(np.log(own / max(joint)))


def test_probabilities_of_right_classes_sum_to_one() -> None:
    logs = log_softmax(np.random.default_rng(2).normal(size=(50, 4)), axis=1)
    right, channel = right_classes(logs, np.arange(50) % 4)
    np.testing.assert_allclose(right.sum(axis=1), 1.0)
    np.testing.assert_allclose(channel.sum(axis=1), 1.0)


def test_a_class_with_one_row_and_constant_features_give_finite_numbers() -> None:
    features = np.ones((12, 2), dtype=np.float32)
    found = fit_noise_channel(features, np.array([0] * 6 + [1] * 5 + [2]), np.arange(12) % 5, 3)
    assert all(np.isfinite(array).all() for stage in found.values() for array in stage.values())


def test_no_round_is_taken_where_classes_have_a_few_rows() -> None:
    rng = np.random.default_rng(3)
    truth = np.repeat(np.arange(40), 10)
    features = (rng.normal(size=(40, 16))[truth] + rng.normal(size=(400, 16))).astype(np.float32)
    given = np.where(rng.random(400) < 0.2, rng.integers(40, size=400), truth)
    assert set(fit_noise_channel(features, given, np.arange(400) % 5, 40)) == {"plain"}


def test_few_rows_leave_the_given_label_its_say() -> None:
    """Each row of the channel leans on one imagined sample, not on one a class: 10 real ones must outweigh it."""
    logs = np.log(np.full((100, 10), 0.1))
    logs[np.arange(100), np.arange(100) % 10] = np.log(0.5)
    right, channel = right_classes(log_softmax(logs, axis=1), np.arange(100) % 10)
    assert right[np.arange(100), np.arange(100) % 10].min() > 0.9
    assert np.diag(channel).min() > 0.8


def test_classifiers_that_know_nothing_leave_labels_rather_right_than_wrong() -> None:
    """A row's own class is the rarer among the rows that its classifier saw, so they speak against it, if faintly."""
    labels = np.arange(60) % 6
    logs = np.zeros((60, 6))
    logs[np.arange(60), labels] -= 0.3
    right, channel = right_classes(logs, labels)
    assert (right.argmax(axis=1) == labels).all()
    assert (np.diag(channel) > 0.5).all()
