from __future__ import annotations

import numpy as np
import pytest

from noisette.verifier.folds import FoldPlan, first_of_each, plan_folds


def make_plan(
    num_classes: int, *, per_class: int = 12, seed: int = 0, leave_classes_out: bool = True
) -> tuple[FoldPlan, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes), per_class)
    features = rng.normal(size=(labels.size, 40)).astype(np.float32)
    targets = rng.integers(0, 2, labels.size)
    return (
        plan_folds(features, labels, targets, num_classes, 5, rng, leave_classes_out=leave_classes_out),
        features,
        labels,
    )


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


@pytest.mark.parametrize("num_classes", [3, 6])
def test_rows_of_one_group_share_the_fold_of_the_first(num_classes: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 4)).astype(np.float32)
    labels, groups = np.arange(60) % num_classes, np.full(60, -1)
    groups[[1, 20, 33]] = 1
    groups[[4, 5]] = 0  # a group may be called 0
    targets = rng.integers(0, 2, 60)
    alone, plan = (
        plan_folds(features, labels, targets, num_classes, 5, np.random.default_rng(1), groups=given)
        for given in (None, groups)
    )
    folds = plan.folds_of(features)
    for rows in ([1, 20, 33], [4, 5]):
        assert np.unique(folds[rows]).size == 1
    np.testing.assert_array_equal(np.unique(folds), np.unique(alone.folds_of(features)))
    # The class of a copy is in another fold: no model of either fold may learn from it.
    if plan.kind == "classes":
        row = 20 if plan.class_folds[labels[20]] != folds[1] else 33
        if plan.class_folds[labels[row]] != folds[1]:
            assert not plan.may_train(int(folds[1]), folds, labels)[row]
            assert not plan.may_train(int(plan.class_folds[labels[row]]), folds, labels)[row]


def test_a_copy_of_a_member_belongs_to_the_group() -> None:
    hashes = np.array([7, 8, 9, 8, 5], dtype=np.uint64)
    assert first_of_each(hashes, np.array([-1, -1, 3, 3, -1])).tolist() == [0, 1, 1, 1, 4]
    assert first_of_each(hashes, None).tolist() == [0, 1, 2, 1, 4]
    assert first_of_each(hashes[:0], np.empty(0, np.int64)).tolist() == []


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
