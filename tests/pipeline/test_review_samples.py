from pathlib import Path

import numpy as np
import pytest

from noisette.errors import DataFileError
from noisette.pipeline import review_samples
from noisette.pipeline.review_samples import ReviewSamples
from noisette.pipeline.workspace import Workspace
from noisette.store import write_samples, write_table
from noisette.types import SampleTable
from tests.web.conftest import make_workspace


def with_samples(root: Path, splits: list[str], keys: list[str], labels: list[int]) -> Workspace:
    workspace = make_workspace(root)
    write_samples(workspace.samples, SampleTable(splits, keys, [""] * len(keys), np.array(labels, dtype=np.int64)))
    return workspace


@pytest.mark.parametrize("has_collisions", [False, True])
def test_rows_are_found_by_split_and_key_whatever_their_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_collisions: bool
) -> None:
    if has_collisions:
        monkeypatch.setattr(review_samples, "hash", lambda name: len(name) % 2, raising=False)
    splits, keys = ["train", "train", "test", "train", "test"], ["a", "bb", "a", "ccc", "bb"]
    samples = ReviewSamples(with_samples(tmp_path / "w", splits, keys, [0, 1, 0, 2, 1]))
    for row, name in enumerate(zip(splits, keys, strict=True)):
        assert samples.row_of(name) == row
        assert samples.name(row) == name
    assert samples.row_of(("test", "ccc")) is None
    assert samples.row_of(("elsewhere", "a")) is None
    asked = [("test", "bb"), ("train", "x"), ("elsewhere", "a"), ("train", "a"), ("test", "ccc"), ("test", "a")]
    found = samples.rows_for([split for split, _ in asked], [key for _, key in asked])
    assert found.tolist() == [4, -1, -1, 0, -1, 2]
    assert samples.rows_for(splits, keys).tolist() == [0, 1, 2, 3, 4]
    assert samples.rows_for([], []).tolist() == []


def test_a_workspace_without_samples_has_none(tmp_path: Path) -> None:
    samples = ReviewSamples(with_samples(tmp_path / "w", [], [], []))
    assert (len(samples), samples.row_of(("train", "a")), samples.class_sizes.tolist()) == (0, None, [0, 0, 0, 0])
    assert samples.rows_for(["train"], ["a"]).tolist() == [-1]


def test_classes_are_ranges_of_rows_and_the_same_picture_is_one_tile_a_split(tmp_path: Path) -> None:
    splits, keys = ["train", "train", "test", "train", "test"], ["a", "b", "c", "d", "e"]
    workspace = with_samples(tmp_path / "w", splits, keys, [1, 0, 1, 1, 1])
    columns = {"split": splits, "key": keys, "duplicate_group": np.array([7, 7, 7, 7, 7], dtype=np.int32)}
    write_table(workspace.duplicates, columns)
    samples = ReviewSamples(workspace)
    assert samples.rows_of_class(1).tolist() == [0, 2, 3, 4]
    assert samples.rows_of_class(3).tolist() == []
    assert samples.leader.tolist() == [0, 1, 2, 0, 2]
    assert samples.copies.tolist() == [2, 1, 2, 2, 2]
    assert [samples.copies_of(row) for row in range(5)] == [[0, 3], [1], [2, 4], [0, 3], [2, 4]]


def test_a_label_beyond_the_classes_and_a_missing_file_are_named(tmp_path: Path) -> None:
    workspace = with_samples(tmp_path / "w", ["train"], ["a"], [4])
    with pytest.raises(DataFileError, match=r"not in classes\.txt"):
        ReviewSamples(workspace)
    workspace.samples.write_bytes(b"x")
    with pytest.raises(DataFileError, match="is not a Parquet file"):
        ReviewSamples(workspace)
    workspace.samples.unlink()
    with pytest.raises(DataFileError, match="does not exist"):
        ReviewSamples(workspace)
