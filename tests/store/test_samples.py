from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from noisette.errors import InvalidInputError
from noisette.store import count_samples, iter_sample_batches, read_samples, write_samples
from noisette.store import samples as samples_module
from noisette.store.small_tables import write_table
from noisette.types import SampleTable

N = 1000
SAMPLES = SampleTable(
    ["train"] * 600 + ["test"] * 400,
    [f"é{i}.jpg" for i in range(N)],
    [f"images/é{i}.jpg" for i in range(N)],
    np.arange(N) % 7,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_samples(tmp_path / "samples.parquet", SAMPLES)
    return tmp_path / "samples.parquet"


def test_samples_come_back(path: Path) -> None:
    found = read_samples(path)
    assert (found.splits, found.keys, found.uris) == (SAMPLES.splits, SAMPLES.keys, SAMPLES.uris)
    np.testing.assert_array_equal(found.given_labels, SAMPLES.given_labels)
    assert count_samples(path) == N


def test_a_key_that_comes_twice_in_a_split_is_refused(tmp_path: Path) -> None:
    twice = SampleTable(["train", "test", "train"], ["a", "a", "a"], [""] * 3, np.zeros(3, dtype=np.int64))
    with pytest.raises(InvalidInputError, match="key 'a' appears twice in split 'train'"):
        write_samples(tmp_path / "samples.parquet", twice)


@pytest.mark.parametrize("skip", [0, 1, 5, 14, 15, 100])
def test_batches_are_the_samples_from_any_batch_on(skip: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "_ROWS_AT_ONCE", 100)
    path = tmp_path / "samples.parquet"
    columns = {"split": SAMPLES.splits, "key": SAMPLES.keys, "uri": SAMPLES.uris}
    write_table(path, columns | {"given_label": SAMPLES.given_labels}, row_group_rows=128)
    batches = list(iter_sample_batches(path, 70, skip))
    assert [len(batch[0]) for batch in batches] == [min(70, N - start) for start in range(70 * skip, N, 70)]
    for position, expected in enumerate((SAMPLES.splits, SAMPLES.keys, SAMPLES.uris)):
        assert list(chain.from_iterable(batch[position] for batch in batches)) == expected[70 * skip :]
