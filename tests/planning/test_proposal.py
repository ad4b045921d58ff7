from typing import Any

import numpy as np
import pytest

from noisette.errors import InvalidInputError, ShapeError
from noisette.planning import Proposal, propose

SIZE, CLASSES = 400, 8


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    quality = rng.beta(2, 0.7, SIZE)
    truth = np.where(rng.random(SIZE) < 0.2, (rng.random(SIZE) < quality).astype(np.int64), -1)
    return quality, rng.integers(0, CLASSES, SIZE), truth


def found(budget: int = 50, **options: Any) -> Proposal:
    return propose(*problem(), CLASSES, budget, **options)


def test_distinct_unverified_rows_as_many_as_asked_for_a_fifth_of_them_at_random() -> None:
    one = found()
    assert np.unique(one.rows).size == 50
    assert (problem()[2][one.rows] == -1).all()
    assert one.is_audit.sum() == 10
    assert ((one.inclusion_probability > 0) & (one.inclusion_probability <= 1)).all()


def test_the_same_seed_gives_the_same_proposal() -> None:
    one, again, other = found(), found(), found(random_state=1)
    assert one.rows.tolist() == again.rows.tolist()
    assert one.inclusion_probability.tolist() == again.inclusion_probability.tolist()
    assert one.rows.tolist() != other.rows.tolist()


def test_a_budget_beyond_what_is_left_takes_all_for_certain() -> None:
    left = int((problem()[2] == -1).sum())
    one = found(10_000)
    assert one.rows.size == left
    assert (one.inclusion_probability == 1).all()


def test_nothing_left_is_an_empty_proposal() -> None:
    one = propose([0.5, 0.5], [0, 1], [1, 0], 2, 10)
    assert (one.rows.size, one.is_audit.size, one.inclusion_probability.size) == (0, 0, 0)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (1.0, 50), (0.5, 25)])
def test_the_audit_share(share: float, count: int) -> None:
    assert found(audit_share=share).is_audit.sum() == count


def test_all_random_has_equal_chances() -> None:
    np.testing.assert_allclose(found(audit_share=1.0).inclusion_probability, 50 / (problem()[2] == -1).sum())


def test_chosen_rows_are_less_certain_than_random_ones() -> None:
    quality = problem()[0]
    many = [found(random_state=seed, audit_share=0.5) for seed in range(40)]
    spread = [(quality * (1 - quality))[np.concatenate([one.rows[one.is_audit == a] for one in many])] for a in (0, 1)]
    assert spread[0].mean() > 1.1 * spread[1].mean()


def test_weights_by_the_stated_chance_estimate_totals_without_bias() -> None:
    quality, given, truth = problem()
    wrong = quality < 0.6
    rows = truth == -1
    totals, plain = [], []
    for seed in range(600):
        one = propose(quality, given, truth, CLASSES, 40, random_state=seed)
        totals.append((wrong[one.rows] / one.inclusion_probability).sum())
        plain.append(wrong[one.rows].mean() * rows.sum())
    error = np.std(totals) / np.sqrt(600)
    assert abs(np.mean(totals) - wrong[rows].sum()) < 4 * error
    assert abs(np.mean(plain) - wrong[rows].sum()) > 10 * error, "or the test could not fail"


def test_at_most_one_row_of_a_group_and_its_chance_is_shared() -> None:
    quality, given, _ = problem()
    truth = np.full(SIZE, -1)
    groups = np.where(np.arange(SIZE) < 200, np.arange(SIZE) // 10, -1)
    hits = np.zeros(SIZE)
    stated = np.full(SIZE, np.nan)
    for seed in range(2000):
        one = propose(quality, given, truth, CLASSES, 60, duplicate_groups=groups, random_state=seed)
        grouped = groups[one.rows][groups[one.rows] >= 0]
        assert np.unique(grouped).size == grouped.size
        hits[one.rows] += 1
        stated[one.rows] = one.inclusion_probability
    assert np.nansum(stated) == pytest.approx(60)
    assert (np.abs(hits / 2000 - stated) < 5 * np.sqrt(stated / 2000)).all()


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"label_quality": [0.5, np.nan]}, InvalidInputError, r"`label_quality` must lie in \[0, 1\], without NaN"),
        ({"label_quality": [0.5, 1.5]}, InvalidInputError, r"`label_quality` must lie in \[0, 1\]"),
        ({"given_labels": [0]}, ShapeError, r"`given_labels` must have shape \(N,\), as `label_quality` \(2,\)"),
        ({"given_labels": [0, 2]}, InvalidInputError, r"`given_labels` must lie in 0\.\.1, got 0 to 2"),
        ({"budget": 0}, InvalidInputError, "`budget` must be at least 1, got 0"),
        ({"audit_share": 1.1}, InvalidInputError, r"`audit_share` must lie in \[0, 1\], got 1\.1"),
        ({"duplicate_groups": [1]}, ShapeError, "`duplicate_groups` must have shape"),
    ],
)
def test_impossible_arguments_are_named(values: dict[str, Any], error: type[Exception], message: str) -> None:
    good: dict[str, Any] = {
        "label_quality": [0.5, 0.5],
        "given_labels": [0, 1],
        "verification_labels": [-1, -1],
        "num_classes": 2,
        "budget": 1,
    }
    with pytest.raises(error, match=message):
        propose(**(good | values))
