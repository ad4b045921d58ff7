from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from noisette.errors import InvalidInputError
from noisette.scores.intervals import wilson_interval


@pytest.mark.parametrize(("wrong", "size"), [(0, 1), (1, 1), (0, 30), (30, 30), (3, 17), (250, 1000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_it_is_wilsons_interval(wrong: int, size: int, level: float) -> None:
    expected = binomtest(wrong, size).proportion_ci(level, method="wilson")
    low, high = wilson_interval(wrong, size, level=level)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_arrays_and_no_samples() -> None:
    low, high = wilson_interval([0, 2, 4], [0, 4, 4])
    assert (low[0], high[0]) == (0.0, 1.0)
    assert low[1] == pytest.approx(1 - high[1])
    assert high[2] == 1.0
    assert np.diff(low).min() > 0


def test_impossible_counts_are_named() -> None:
    with pytest.raises(InvalidInputError, match="between 0 and `num_samples`"):
        wilson_interval(3, 2)
    with pytest.raises(InvalidInputError, match=r"`level` must lie in \(0, 1\), got 95"):
        wilson_interval(1, 2, level=95)
