from __future__ import annotations

import math

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from sklearn.metrics import brier_score_loss

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.functional.detection_metrics import (
    auroc,
    average_error_rate,
    average_precision,
    brier_score,
    error_rate,
    expected_calibration_error,
    per_class_error,
    reliability_bins,
)
from tests.oracles import detection as oracle


def _sample(seed: int, size: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, size)
    scores = np.round(truth + rng.normal(0, 1, size), 1)  # rounded, so that scores tie
    return scores, truth, rng.integers(0, 5, size)


@pytest.mark.parametrize("seed", range(5))
def test_metrics_equal_the_slow_definitions(seed: int) -> None:
    scores, truth, given = _sample(seed)
    verdict = scores >= 0.5
    assert error_rate(verdict, truth) == pytest.approx(oracle.error_rate(list(verdict), list(truth)))
    slow = oracle.average_error_rate(list(verdict), list(truth), list(given))
    assert average_error_rate(verdict, truth, given) == pytest.approx(slow)
    assert auroc(scores, truth) == pytest.approx(oracle.auroc(list(scores), list(truth)))
    assert average_precision(scores, truth) == pytest.approx(oracle.average_precision(list(scores), list(truth)))


@pytest.mark.parametrize("num_bins", [1, 4, 8, 15])
def test_calibration_error_equals_the_slow_definition(num_bins: int) -> None:
    rng = np.random.default_rng(num_bins)
    probability = np.concatenate([rng.random(200), [0.0, 1.0, 1.0, 0.5, 0.25, 0.75]])
    target = rng.integers(0, 2, probability.size)
    slow = oracle.calibration_error(list(probability), list(target), num_bins)
    assert expected_calibration_error(probability, target, num_bins=num_bins) == pytest.approx(slow)
    assert brier_score(probability, target) == pytest.approx(brier_score_loss(target, probability))


def test_average_precision_searches_for_either_kind() -> None:
    scores, truth, _ = _sample(7)
    mirrored = average_precision(-scores, 1 - truth)
    assert average_precision(scores, truth, positive="correct") == pytest.approx(mirrored)


def test_confidence_of_exactly_0_and_1_lies_in_the_first_and_last_bin() -> None:
    bins = reliability_bins([0.0, 0.1, 0.5, 1.0], [0, 0, 1, 1], num_bins=10)
    assert bins.weight.tolist() == [1, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert bins.share[9] == 1.0
    assert np.isnan(bins.share[2])
    assert np.isnan(bins.probability[2])
    assert expected_calibration_error([1.0, 1.0], [1, 1]) == 0.0
    assert expected_calibration_error([1.0], [0]) == 1.0
    assert expected_calibration_error([0.0], [0]) == 0.0


@pytest.mark.parametrize("kind", [0, 1])
def test_ranking_of_one_kind_only_is_not_known(kind: int) -> None:
    assert math.isnan(auroc([0.1, 0.2], [kind, kind]))
    assert math.isnan(average_precision([0.1, 0.2], [kind, kind]))
    assert math.isnan(auroc([0.1, 0.2], [0, 1], sample_weight=[kind, 1 - kind]))


def test_a_class_without_samples_has_no_error_and_does_not_count() -> None:
    errors = per_class_error([True, False], [1, 1], [0, 2], num_classes=4)
    np.testing.assert_array_equal(errors, [0.0, np.nan, 1.0, np.nan])
    assert average_error_rate([True, False], [1, 1], [0, 2]) == 0.5
    assert average_error_rate([True, False], [1, 1], [0, 2], sample_weight=[1, 0]) == 0.0


def test_whole_weights_count_as_copies() -> None:
    scores, truth, given = _sample(3)
    weight = np.random.default_rng(0).integers(0, 3, scores.size)
    again = np.repeat(np.arange(scores.size), weight)
    verdict = scores > 0.2
    assert error_rate(verdict, truth, sample_weight=weight) == pytest.approx(error_rate(verdict[again], truth[again]))
    assert average_error_rate(verdict, truth, given, sample_weight=weight) == pytest.approx(
        average_error_rate(verdict[again], truth[again], given[again])
    )
    assert auroc(scores, truth, sample_weight=weight) == pytest.approx(auroc(scores[again], truth[again]))
    assert average_precision(scores, truth, sample_weight=weight) == pytest.approx(
        average_precision(scores[again], truth[again])
    )
    probability = 1 / (1 + np.exp(-scores))
    for metric in (expected_calibration_error, brier_score):
        assert metric(probability, truth, sample_weight=weight) == pytest.approx(
            metric(probability[again], truth[again])
        )


def test_one_sample() -> None:
    assert error_rate([True], [0]) == 1.0
    assert per_class_error([True], [1], [2]).tolist()[2] == 0.0
    assert brier_score([0.25], [0]) == 0.0625


def test_bad_arguments_say_what_is_wrong() -> None:
    with pytest.raises(InvalidInputError, match="`verification_labels` is empty"):
        error_rate([], [])
    with pytest.raises(InvalidInputError, match="only 0 and 1, got -1 at position 1; leave unverified"):
        auroc([0.1, 0.2], [1, -1])
    with pytest.raises(ShapeError, match=r"`verdict` must have shape \(2,\), got \(1,\)"):
        error_rate([True], [1, 0])
    with pytest.raises(ShapeError, match=r"`scores` must have shape \(2,\)"):
        auroc([0.1], [1, 0])
    with pytest.raises(InvalidInputError, match="`scores` must be finite, got nan"):
        auroc([0.1, np.nan], [1, 0])
    with pytest.raises(InvalidInputError, match=r"`probability` must lie in \[0, 1\], got 1.5 at position 0"):
        brier_score([1.5], [1])
    with pytest.raises(InvalidInputError, match="`num_bins` must be at least 1"):
        expected_calibration_error([0.5], [1], num_bins=0)
    with pytest.raises(InvalidInputError, match="`sample_weight` must be at least 0"):
        error_rate([True], [1], sample_weight=[0.0])
    # Under the tests' type checks the annotation speaks first.
    with pytest.raises((InvalidInputError, TypeCheckError), match="positive"):
        average_precision([0.1], [1], positive="wrong")  # type: ignore[arg-type]
    with pytest.raises(UnknownClassError, match=r"`given_labels` must lie in 0\.\.2-1, got 2 at position 1"):
        per_class_error([True, True], [1, 1], [0, 2], num_classes=2)
    with pytest.raises(InvalidInputError, match="`given_labels` must hold whole numbers"):
        per_class_error([True], [1], [0.0])
    with pytest.raises(ShapeError, match="`given_labels` must have shape"):
        per_class_error([True], [1], [0, 1])
