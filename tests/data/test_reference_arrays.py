from pathlib import Path

import numpy as np
import pytest

from noisette.data import (
    ReferenceArrays,
    VerifiedArray,
    read_all_array,
    read_reference_arrays,
    read_reference_set,
    read_verified_array,
    write_all_array,
    write_reference_arrays,
    write_reference_set,
)
from noisette.errors import DataFileError, ShapeError, TooManyBadRowsError
from noisette.types import BadRows
from tests import shared_data

GOLDEN = shared_data.GOLDEN / "reference_files"


def skipping() -> BadRows:
    return BadRows(on_error="skip", max_bad=1.0)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the golden reference files are not here")
def test_published_arrays_are_written_back_the_same(tmp_path: Path) -> None:
    arrays = read_reference_arrays(GOLDEN, num_classes=3, allow_pickle=True)
    write_reference_arrays(tmp_path, arrays)
    for name in ("train", "val", "ref"):
        assert (tmp_path / f"{name}.npy").read_bytes() == (GOLDEN / f"{name}.npy").read_bytes()
    ours, theirs = (np.load(folder / "all.npy", allow_pickle=True) for folder in (tmp_path, GOLDEN))
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    for mine, published in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, np.array(published))


def test_only_files_that_exist_are_read(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"holds none of train\.npy, val\.npy, all\.npy, ref\.npy"):
        read_reference_arrays(tmp_path)
    train = VerifiedArray(np.ones((2, 3)), np.array([0, 4]), np.array([1, 0]))
    write_reference_arrays(tmp_path, ReferenceArrays(train=train))
    found = read_reference_arrays(tmp_path)
    assert (found.val, found.all, found.ref) == (None, None, None)
    assert found.train is not None
    assert found.train.given_labels.tolist() == [0, 4]
    assert found.train.verification_labels.tolist() == [1, 0]
    assert found.train.features.shape == (2, 3)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1, np.nan, 0, 1], "NaN or infinite feature: feature 2 is nan"),
        ([1, 2, 3, 1], "unknown class: 3 is beyond the last of 3 classes"),
        ([1, 2, 0.5, 1], "unknown class: 0.5 is no class id (0, 1, ...)"),
        ([1, 2, -1, 1], "unknown class: -1.0 is no class id (0, 1, ...)"),
        ([1, 2, np.nan, 1], "unknown class: nan is no class id (0, 1, ...)"),
        ([1, 2, 0, 2], "bad verification label: expected 1, 0 or -1, got 2"),
    ],
)
def test_bad_rows_of_a_verified_array(tmp_path: Path, row: list[float], message: str) -> None:
    path = tmp_path / "train.npy"
    np.save(path, np.array([[1, 2, 0, 1], row, [3, 4, 2, 0], [3, 4, 2, -1]]))
    bad = skipping()
    array = read_verified_array(path, num_classes=3, bad_rows=bad)
    assert [str(found) for found in bad.rows] == [f"{path}:2: {message}"]
    assert array.features.tolist() == [[1, 2], [3, 4]]
    assert bad.left_out == {"verification label -1": 1}
    with pytest.raises(TooManyBadRowsError, match=r"train\.npy:2: "):
        read_verified_array(path, num_classes=3)


def test_equal_class_sizes_still_give_one_array_a_class(tmp_path: Path) -> None:
    write_all_array(tmp_path / "all.npy", [np.ones((2, 3)), np.zeros((2, 3)), np.empty((0, 3))])
    assert np.load(tmp_path / "all.npy", allow_pickle=True).shape == (3,)
    classes = read_all_array(tmp_path / "all.npy", allow_pickle=True)
    assert [rows.shape for rows in classes] == [(2, 3), (2, 3), (0, 3)]


def test_plain_three_dimensional_all_array_needs_no_flag(tmp_path: Path) -> None:
    np.save(tmp_path / "all.npy", np.ones((2, 4, 3)))
    assert [rows.shape for rows in read_all_array(tmp_path / "all.npy")] == [(4, 3), (4, 3)]


def test_bad_rows_of_an_all_array(tmp_path: Path) -> None:
    path = tmp_path / "all.npy"
    ragged = np.empty(3, dtype=object)
    ragged[:] = [[[1.0, 2.0], [3.0]], [], [[4.0, float("nan")], [5.0, 6.0], ["x", "y"]]]
    np.save(path, ragged, allow_pickle=True)
    bad = skipping()
    classes = read_all_array(path, allow_pickle=True, bad_rows=bad)
    assert [rows.tolist() for rows in classes] == [[[1, 2]], [], [[5, 6]]]
    assert [str(row) for row in bad.rows] == [
        f"{path}:2: wrong number of features: expected 2, got 1 (class 0, row 1)",
        f"{path}:3: NaN or infinite feature: feature 2 is nan (class 2, row 0)",
        f"{path}:5: junk number: a feature is no number (class 2, row 2)",
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(3), r"must have shape \(n, D \+ 2\), got \(3,\)"),
        (np.ones((3, 2)), r"must have shape \(n, D \+ 2\), got \(3, 2\)"),
        (np.array([["a", "b", "c"]]), r"must hold numbers, got <U1"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    np.save(tmp_path / "val.npy", values)
    with pytest.raises(DataFileError, match=message):
        read_verified_array(tmp_path / "val.npy")


def test_reference_sets(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float64).reshape(2, 3, 2)
    values[1, 2] = np.nan
    write_reference_set(tmp_path / "ref.npy", values)
    np.testing.assert_array_equal(read_reference_set(tmp_path / "ref.npy"), values)
    values[0, 1, 0] = np.inf
    write_reference_set(tmp_path / "ref.npy", values)
    with pytest.raises(DataFileError, match=r"reference 1 of class 0 holds NaN"):
        read_reference_set(tmp_path / "ref.npy")
    with pytest.raises(ShapeError, match=r"must have shape \(K, R, D\), got \(2,\)"):
        write_reference_set(tmp_path / "ref.npy", np.ones(2))
    with pytest.raises(ShapeError, match=r"one .* array a class"):
        write_all_array(tmp_path / "all.npy", [np.ones(2)])
