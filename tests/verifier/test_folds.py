from __future__ import annotations

import numpy as np
import pytest

from noisette.verifier.folds import FoldPlan, plan_folds


def make_plan(
    num_classes: int, *, per_class: int = 12, seed: int = 0, **options: bool
) -> tuple[FoldPlan, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes), per_class)
    features = rng.normal(size=(labels.size, 40)).astype(np.float32)
    targets = rng.integers(0, 2, labels.size)
    return plan_folds(features, labels, targets, num_classes, 5, rng, **options), features, labels


def test_five_classes_are_left_out_whole() -> None:
    plan, features, labels = make_plan(7)
    assert plan.kind == "classes"
    assert plan.num_folds == 5
    folds = plan.folds_of(features)
    np.testing.assert_array_equal(folds, plan.class_folds[labels])
    for fold in range(5):
        train = plan.may_train(fold, folds, labels)
        assert not np.intersect1d(labels[train], labels[folds == fold]).size


@pytest.mark.parametrize(("num_classes", "options"), [(4, {}), (7, {"leave_classes_out": False})])
def test_rows_are_left_out_evenly(num_classes: int, options: dict[str, bool]) -> None:
    plan, features, labels = make_plan(num_classes, **options)
    assert plan.kind == "stratified"
    folds = plan.folds_of(features)
    sizes = np.bincount(folds, minlength=5)
    assert sizes.max() - sizes.min() <= 1
    for label in range(num_classes):
        assert np.unique(folds[labels == label]).size == 5


def test_rows_that_were_never_verified_have_no_fold() -> None:
    plan, features, _ = make_plan(3)
    others = np.random.default_rng(9).normal(size=(20, 40)).astype(np.float32)
    assert (plan.folds_of(others) == -1).all()
    near = features.copy()
    near[:, 1] += 1  # outside the columns that are looked at first
    assert (plan.folds_of(near) == -1).all()


@pytest.mark.parametrize("num_classes", [3, 6])
def test_copies_share_a_fold_whatever_their_labels(num_classes: int) -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(size=(30, 4)).astype(np.float32)
    features, labels = np.concatenate([half, half]), np.arange(60) % num_classes
    labels[30:] = (labels[:30] + 1) % num_classes
    plan = plan_folds(features, labels, rng.integers(0, 2, 60), num_classes, 5, rng)
    folds = plan.folds_of(features)
    np.testing.assert_array_equal(folds[:30], folds[30:])


@pytest.mark.parametrize(("rows", "kind", "num_folds"), [(0, "none", 0), (1, "stratified", 2), (3, "stratified", 3)])
def test_few_rows(rows: int, kind: str, num_folds: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 4)).astype(np.float32)
    plan = plan_folds(features, np.zeros(rows, np.int64), np.ones(rows, np.int64), 2, 5, rng)
    assert (plan.kind, plan.num_folds) == (kind, num_folds)
    assert plan.folds_of(features).shape == (rows,)


def test_a_plan_survives_its_arrays() -> None:
    plan, features, _ = make_plan(6)
    again = FoldPlan.from_arrays(plan.kind, plan.num_folds, plan.to_arrays())
    np.testing.assert_array_equal(again.folds_of(features), plan.folds_of(features))
