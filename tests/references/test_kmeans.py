from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.references import find_references
from noisette.types import ArrayTable, Float32Array, IntArray


@pytest.fixture(scope="module")
def data() -> tuple[Float32Array, IntArray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 6)).astype(np.float32) + 4 * rng.normal(size=(12, 6))[np.arange(600) % 12]
    return features.astype(np.float32), np.arange(600) % 3


def test_finds_the_clusters_of_each_class(data: tuple[Float32Array, IntArray]) -> None:
    features, labels = data
    references = find_references(features, labels, 3, 4)
    assert references.shape == (3, 4, 6)
    assert references.dtype == np.float32
    for k in range(3):
        own = features[labels == k]
        nearest = np.linalg.norm(own[:, None] - references[k], axis=2).min(axis=1)
        best = KMeans(4, n_init=20, random_state=1).fit(own).inertia_
        assert (nearest**2).sum() <= 1.05 * best


@pytest.mark.parametrize("form", ["numpy", "float16", "torch", "table"])
def test_takes_every_form_of_features(form: str, data: tuple[Float32Array, IntArray]) -> None:
    features, labels = data
    features = features.astype(np.float16).astype(np.float32)
    given: dict[str, Any] = {
        "numpy": (features, labels),
        "float16": (features.astype(np.float16), labels.astype(np.int16)),
        "torch": (torch.from_numpy(features), torch.from_numpy(labels)),
        "table": (ArrayTable(features), list(labels)),
    }
    expected = find_references(features, labels, 3, 4)
    values, classes = given[form]
    np.testing.assert_array_equal(find_references(values, classes, 3, 4), expected)


def test_the_result_depends_on_the_seed_and_on_nothing_else(data: tuple[Float32Array, IntArray]) -> None:
    features, labels = data
    first = find_references(features, labels, 3, 8, random_state=1, num_workers=1)
    for workers in (2, 3, None):
        again = find_references(features, labels, 3, 8, random_state=np.random.default_rng(1), num_workers=workers)
        np.testing.assert_array_equal(first, again)
    assert (first != find_references(features, labels, 3, 8, random_state=2)).any()


def test_a_class_does_not_depend_on_the_others(data: tuple[Float32Array, IntArray]) -> None:
    features, labels = data
    full = find_references(features, labels, 3, 4)
    part = find_references(features[labels != 1], labels[labels != 1], 3, 4)
    np.testing.assert_array_equal(part[[0, 2]], full[[0, 2]])
    assert np.isnan(part[1]).all()


def test_small_classes_keep_their_distinct_rows() -> None:
    features = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, -0.0], [7.0, 7.0]], dtype=np.float32)
    references = find_references(features, np.array([0, 0, 0, 2]), 4, 3)
    nan = [np.nan, np.nan]
    np.testing.assert_array_equal(references[0], [[1, 0], [2, 0], nan])
    np.testing.assert_array_equal(references[2], [[7, 7], nan, nan])
    assert np.isnan(references[[1, 3]]).all()


@pytest.mark.parametrize("size", [4, 5, 6])
def test_around_as_many_rows_as_references(size: int) -> None:
    features = np.arange(size, dtype=np.float32)[:, None]
    references = find_references(features, np.zeros(size, dtype=int), 1, 5)
    assert np.isfinite(references[0]).sum() == min(size, 5)


def test_many_copies_of_few_rows_warn_nobody() -> None:
    features = np.repeat(np.array([[0.0], [1.0], [1.0 + 1e-7], [2.0]], dtype=np.float32), 50, axis=0)
    assert np.isfinite(find_references(features, np.zeros(200, dtype=int), 1, 3)).all()


def test_no_samples_at_all() -> None:
    assert np.isnan(find_references(np.empty((0, 3)), np.empty(0, dtype=int), 2, 4)).all()


class OneClassTable(ArrayTable):
    """Counts how many rows are out at once."""

    taken: list[int]

    def take(self, rows: IntArray) -> Float32Array:
        self.taken.append(len(rows))
        return super().take(rows)

    def iter_batches(self, batch_size: int) -> Iterator[Float32Array]:  # noqa: ARG002
        raise AssertionError("reads the whole table")


def test_reads_a_table_one_class_at_a_time(data: tuple[Float32Array, IntArray]) -> None:
    table = OneClassTable(data[0])
    object.__setattr__(table, "taken", [])
    find_references(table, data[1], 3, 4)
    assert table.taken == [200, 200, 200]


def test_progress_counts_the_classes_and_may_stop_the_work(data: tuple[Float32Array, IntArray]) -> None:
    calls: list[tuple[str, int, int]] = []
    find_references(data[0], data[1], 3, 4, progress=lambda *call: calls.append(call))
    assert calls == [("references", k, 3) for k in (1, 2, 3)]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_references(data[0], data[1], 3, 4, progress=stop)
    assert threading.active_count() < 50


def test_wrong_arguments_are_named(data: tuple[Float32Array, IntArray]) -> None:
    features, labels = data
    with pytest.raises(ShapeError, match=r"`given_labels` must have shape \(600,\).*got \(599,\)"):
        find_references(features, labels[1:], 3)
    with pytest.raises(UnknownClassError, match=r"`given_labels` must lie in 0..1, got 2 at position 2"):
        find_references(features, labels, 2)
    with pytest.raises(UnknownClassError, match="got -1 at position 0"):
        find_references(features, labels - 1, 3)
    with pytest.raises(InvalidInputError, match="whole numbers, got dtype float64"):
        find_references(features, labels.astype(float), 3)
    with pytest.raises(InvalidInputError, match="`num_references` must be at least 1, got 0"):
        find_references(features, labels, 3, 0)
    bad = features.copy()
    bad[7, 2] = np.inf
    with pytest.raises(InvalidInputError, match="NaN or infinity in row 7"):
        find_references(bad, labels, 3)


def test_a_bare_import_loads_no_scikit_learn() -> None:
    code = "import sys, noisette.references; sys.exit('sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
