from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, log_loss, top_k_accuracy_score

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.functional import class_metrics
from noisette.functional.class_metrics import (
    class_accuracy,
    class_brier_score,
    global_average_precision,
    negative_log_likelihood,
    per_class_accuracy,
    top_label_calibration_error,
)
from noisette.functional.detection_metrics import brier_score
from tests.oracles import detection as oracle

Metric = Callable[[Any, Any, Any], float]

WEIGHTED: list[Metric] = [
    lambda p, y, w: negative_log_likelihood(np.log(p), y, sample_weight=w),
    lambda p, y, w: class_brier_score(p, y, sample_weight=w),
    lambda p, y, w: top_label_calibration_error(p, y, sample_weight=w),
    lambda p, y, w: class_accuracy(p, y, top_k=2, sample_weight=w),
    lambda p, y, w: float(np.nanmean(per_class_accuracy(p, y, sample_weight=w))),
    lambda p, y, w: global_average_precision(p, y, sample_weight=w),
]


def _sample(seed: int, size: int = 80, classes: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, K) probabilities on a coarse grid, so that some tie; (N,) class ids; (N, K) soft labels."""
    rng = np.random.default_rng(seed)
    counts = 1 + rng.integers(0, 4, (size, classes))
    soft = rng.dirichlet(np.ones(classes), size)
    return counts / counts.sum(1, keepdims=True), rng.integers(0, classes, size), soft


@pytest.fixture(params=[1 << 20, 7], ids=["one block", "a row a block"])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_metrics, "_BLOCK", request.param)


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("seed", range(3))
def test_likelihood_and_brier_score_equal_loops(seed: int) -> None:
    p, y, soft = _sample(seed)
    onehot = np.eye(5)[y]
    for target in (onehot, soft):
        nll = [-sum(t * math.log(q) for t, q in zip(*row, strict=True)) for row in zip(target, p, strict=True)]
        brier = [sum((q - t) ** 2 for t, q in zip(*row, strict=True)) for row in zip(target, p, strict=True)]
        assert negative_log_likelihood(np.log(p), target) == pytest.approx(np.mean(nll))
        assert class_brier_score(p, target) == pytest.approx(np.mean(brier))
    assert negative_log_likelihood(np.log(p), y) == pytest.approx(log_loss(y, p, labels=range(5)))
    assert class_brier_score(p, y) == pytest.approx(class_brier_score(p, onehot))


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("seed", range(3))
def test_accuracies_equal_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, y = rng.normal(size=(80, 5)), rng.integers(0, 5, 80)
    assert class_accuracy(scores, y, top_k=5) == 1.0
    for k in (1, 2, 4):
        assert class_accuracy(scores, y, top_k=k) == pytest.approx(top_k_accuracy_score(y, scores, k=k))
    assert np.nanmean(per_class_accuracy(scores, y)) == pytest.approx(balanced_accuracy_score(y, scores.argmax(1)))


@pytest.mark.parametrize("num_bins", [1, 4, 15])
def test_calibration_of_the_top_class_equals_the_slow_definition(num_bins: int) -> None:
    p, y, _ = _sample(num_bins)
    top = p.argmax(1)
    slow = oracle.calibration_error(list(p.max(1)), list((top == y).astype(int)), num_bins)
    assert top_label_calibration_error(p, y, num_bins=num_bins) == pytest.approx(slow)


def test_confidence_on_an_edge_and_of_exactly_1() -> None:
    # .5 lies in the upper of two bins: alone in the lower one it would leave a gap of .5 there and of .25 above.
    p = [[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]]
    assert top_label_calibration_error(p, [0, 0, 1], num_bins=2) == pytest.approx(abs(2 / 3 - 0.75))
    assert top_label_calibration_error([[1.0, 0.0]], [0]) == 0.0
    assert top_label_calibration_error([[1.0, 0.0]], [1]) == 1.0
    rounded = np.array([[1.0000001, 0.0]], dtype=np.float32)
    assert top_label_calibration_error(rounded, [0]) == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_global_average_precision_is_one_ranking_of_all_pairs(seed: int) -> None:
    p, y, _ = _sample(seed, size=12)
    present = np.random.default_rng(seed).random(p.shape) < 0.3
    # The oracle searches for 0 by low scores.
    slow = oracle.average_precision(list(-p.ravel()), list((~present).astype(int).ravel()))
    assert global_average_precision(p, present) == pytest.approx(slow)
    assert global_average_precision(p, y) == global_average_precision(p, np.eye(5)[y])


def test_global_average_precision_at_its_ends() -> None:
    assert global_average_precision([[0.9, 0.1], [0.2, 0.8]], [0, 1]) == 1.0
    assert global_average_precision([[0.5, 0.5], [0.5, 0.5]], [0, 1]) == 0.5
    assert global_average_precision([[0.5, 0.1]], [[1, 1]]) == 1.0
    assert math.isnan(global_average_precision([[0.5, 0.1]], [[0, 0]]))
    assert math.isnan(global_average_precision([[0.5], [0.1]], [[1], [0]], sample_weight=[0, 1]))
    # Each sample ranks its own class first, but scores do not compare across samples.
    assert global_average_precision([[0.2, 0.1], [0.8, 0.9], [0.3, 0.25]], [0, 1, 0]) < 1


@pytest.mark.parametrize("metric", WEIGHTED)
def test_whole_weights_count_as_copies(metric: Metric) -> None:
    p, y, _ = _sample(9)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    again = np.repeat(np.arange(len(y)), weight)
    assert metric(p, y, weight) == pytest.approx(metric(p[again], y[again], None))
    with pytest.raises(InvalidInputError, match="`sample_weight` must be at least 0 everywhere and above 0 somewhere"):
        metric(p, y, np.zeros(len(y)))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6))
def test_the_truth_itself_has_the_best_likelihood_and_brier_score(raw: list[float]) -> None:
    truth = np.array([raw]) / sum(raw)
    other = np.full_like(truth, 1 / len(raw))
    assert negative_log_likelihood(np.log(truth), truth) <= negative_log_likelihood(np.log(other), truth) + 1e-12
    assert class_brier_score(truth, truth) == 0.0


def test_two_classes_have_twice_the_binary_brier_score() -> None:
    p = np.random.default_rng(0).random(30)
    y = np.random.default_rng(1).integers(0, 2, 30)
    assert class_brier_score(np.stack([1 - p, p], 1), y) == pytest.approx(2 * brier_score(p, y))
    assert class_brier_score([[1.0, 0.0]], [1]) == 2.0


def test_probability_zero_costs_infinity_only_where_it_counts() -> None:
    log_p = np.array([[0.0, -np.inf], [0.0, -np.inf]])
    assert negative_log_likelihood(log_p, [0, 0]) == 0.0
    assert negative_log_likelihood(log_p, [0, 1]) == math.inf
    assert negative_log_likelihood(log_p, [0, 1], sample_weight=[1, 0]) == 0.0
    assert negative_log_likelihood(log_p, [[1.0, 0.0], [1.0, 0.0]]) == 0.0
    assert negative_log_likelihood(log_p, [[1.0, 0.0], [0.5, 0.5]]) == math.inf
    # Clipping the probability would give 16.1 here.
    assert negative_log_likelihood([[-40.6, 0.0]], [0]) == pytest.approx(40.6)


def test_a_class_without_samples_and_equal_scores() -> None:
    np.testing.assert_array_equal(per_class_accuracy(np.zeros((2, 3)), [0, 1]), [1.0, 0.0, np.nan])
    assert class_accuracy(np.zeros((3, 3)), [0, 1, 2]) == pytest.approx(1 / 3)
    assert class_accuracy(np.zeros((3, 3)), [0, 1, 2], top_k=2) == pytest.approx(2 / 3)
    assert class_accuracy([[-np.inf, 0.0]], [1]) == 1.0


def test_half_precision_and_tensors_are_taken() -> None:
    logits = torch.randn(6, 1000, generator=torch.Generator().manual_seed(0))
    y = torch.arange(6)
    exact = negative_log_likelihood(logits.double().log_softmax(-1), y)
    assert negative_log_likelihood(logits.log_softmax(-1).half(), y) == pytest.approx(exact, rel=1e-3)
    assert class_brier_score(logits.softmax(-1).half(), y) == pytest.approx(
        class_brier_score(logits.softmax(-1), y), rel=1e-3
    )


def test_bad_arguments_say_what_is_wrong() -> None:
    p = np.full((2, 4), 0.25)
    for wrong in (p, np.zeros((2, 4)), np.full((2, 4), -5.0), np.full((2, 4), 3.0)):
        with pytest.raises(InvalidInputError, match="`log_probabilities` must be logs of probabilities that sum to 1"):
            negative_log_likelihood(wrong, [0, 0])
    with pytest.raises(InvalidInputError, match=r"`probabilities` must sum to 1 in each row, got 2 in row 1"):
        class_brier_score([[0.5, 0.5], [1.0, 1.0]], [0, 0])
    with pytest.raises(InvalidInputError, match=r"`probabilities` must lie in \[0, 1\], got -0\.5"):
        class_brier_score([[-0.5, 1.5]], [0])
    with pytest.raises(InvalidInputError, match=r"`targets` must sum to 1 in each row, got 0\.5 in row 0"):
        class_brier_score([[0.5, 0.5]], [[0.5, 0.0]])
    with pytest.raises(InvalidInputError, match="`probabilities` must not be NaN, got one in row 1"):
        top_label_calibration_error([[0.5, 0.5], [np.nan, 1.0]], [0, 0])
    with pytest.raises(ShapeError, match=r"`scores` must have shape \(N, K\), got \(2,\)"):
        class_accuracy([0.5, 0.5], [0, 0])
    with pytest.raises(InvalidInputError, match="`scores` is empty"):
        class_accuracy(np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(InvalidInputError, match="`scores` must hold real numbers"):
        class_accuracy(np.array([["a", "b"]]), [0])
    with pytest.raises(ShapeError, match=r"`targets` must have shape \(2,\) or \(2, 4\), got \(2, 2\)"):
        class_brier_score(p, [[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(ShapeError, match=r"`targets` must have shape \(2,\), got \(2, 4\)"):
        top_label_calibration_error(p, p)
    with pytest.raises(UnknownClassError, match=r"`targets` must lie in 0\.\.3, got 4 at position 1"):
        class_accuracy(p, [0, 4])
    with pytest.raises(InvalidInputError, match="`targets` must hold whole numbers, got dtype float64"):
        class_accuracy(p, [0.0, 1.0])
    with pytest.raises(InvalidInputError, match="`top_k` must be at least 1, got 0"):
        class_accuracy(p, [0, 1], top_k=0)
    with pytest.raises(InvalidInputError, match="`scores` must be finite"):
        global_average_precision([[np.inf, 0.0]], [0])
    with pytest.raises(InvalidInputError, match="`targets` must hold only 0 and 1"):
        global_average_precision(p, np.full((2, 4), -1))
    with pytest.raises(ShapeError, match=r"`targets` must have shape \(2,\) or \(2, 4\), got \(1, 4\)"):
        global_average_precision(p, [[0, 1, 0, 0]])
