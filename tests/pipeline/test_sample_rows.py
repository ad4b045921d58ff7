import numpy as np

from noisette.pipeline.sample_rows import sample_rows
from noisette.types import SampleTable

SAMPLES = SampleTable(["train", "train", "test"], ["a", "b", "a"], ["", "", ""], np.zeros(3, dtype=np.int64))


def test_rows_are_found_by_split_and_key() -> None:
    assert sample_rows(SAMPLES, SAMPLES.splits, SAMPLES.keys).tolist() == [0, 1, 2]
    found = sample_rows(SAMPLES, ["test", "train", "test", "traina", "train"], ["a", "b", "b", "", "a"])
    assert found.tolist() == [2, 1, -1, -1, 0]
    assert sample_rows(SAMPLES, [], []).tolist() == []
