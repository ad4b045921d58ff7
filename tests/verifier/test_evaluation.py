from __future__ import annotations

import math

import numpy as np
import pytest

from noisette.verifier.evaluation import evaluate_scores

SCORES, TARGETS, GIVEN = np.array([0.9, 0.5, 0.2, 0.4]), np.array([1, 0, 0, 1]), np.array([0, 0, 0, 3])


def test_figures_by_hand() -> None:
    found = evaluate_scores("x", SCORES, TARGETS, GIVEN, 0.5)
    assert found.error == 0.5  # the second (a score at the threshold counts as correct) and the last
    assert found.average_error == pytest.approx((1 / 3 + 1) / 2)
    assert found.auroc == 0.75
    assert (found.name, found.threshold, found.num_rows) == ("x", 0.5, 4)


def test_rows_of_one_kind_have_errors_but_no_ranking() -> None:
    found = evaluate_scores("x", SCORES, np.ones(4, np.int64), GIVEN, 0.3)
    assert found.error == 0.25
    assert math.isnan(found.auroc)
    assert math.isnan(found.average_precision)


def test_weights_count_in_every_figure() -> None:
    weight = np.array([1.0, 3.0, 2.0, 1.0])
    rows = np.repeat(np.arange(4), weight.astype(int))
    weighted = evaluate_scores("x", SCORES, TARGETS, GIVEN, 0.5, weight)
    repeated = evaluate_scores("x", SCORES[rows], TARGETS[rows], GIVEN[rows], 0.5)
    plain = evaluate_scores("x", SCORES, TARGETS, GIVEN, 0.5)
    for name in ("average_error", "error", "auroc", "average_precision"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), nan_ok=True)
    assert weighted.error != plain.error
    assert weighted.num_rows == 4
