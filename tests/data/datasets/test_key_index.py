from pathlib import Path

import numpy as np

from noisette.data.datasets.key_index import KeyIndex
from tests.data.datasets.trees import problems, skipping


def test_numbers_are_found_by_key(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(0, 14, 5000).tolist()
    index = KeyIndex(((line, (f"k{line}", number)) for line, number in enumerate(numbers)), tmp_path, None)
    assert len(index) == 5000
    assert index.find([f"k{line}" for line in range(5000)]).tolist() == numbers
    assert index.find(["k", "k17", "none", ""]).tolist() == [-1, numbers[17], -1, -1]
    assert index.find([]).tolist() == []
    assert sorted(index.places([f"k{line}" for line in range(5000)]).tolist()) == list(range(5000))


def test_the_first_row_of_a_key_counts_and_others_are_reported(tmp_path: Path) -> None:
    bad = skipping()
    rows = [(3, ("a", 1)), (4, ("b", 2)), (5, ("a", 0)), (7, ("b", 2)), (8, ("a", 1))]
    index = KeyIndex(iter(rows), tmp_path / "kv.txt", bad)
    assert index.find(["a", "b"]).tolist() == [1, 2]
    assert [str(row).rpartition("/")[2] for row in bad.rows] == [
        "kv.txt:5: duplicate key: line 3 names the same picture",
        "kv.txt:7: duplicate key: line 4 names the same picture",
        "kv.txt:8: duplicate key: line 3 names the same picture",
    ]
    assert KeyIndex(iter(rows), tmp_path, None).find(["a"]).tolist() == [1]


def test_the_first_of_many_rows_counts(tmp_path: Path) -> None:
    rows = [(line, (f"k{line % 10}", line)) for line in range(5000)]
    bad = skipping()
    assert KeyIndex(iter(rows), tmp_path / "kv.txt", bad).find([f"k{one}" for one in range(10)]).tolist() == [
        *range(10)
    ]
    assert problems(bad) == [f"kv.txt:{line}: duplicate key" for line in range(10, 1010)]  # the first thousand are kept
    assert bad.num_bad == 4990


def test_an_empty_table_knows_nothing(tmp_path: Path) -> None:
    index = KeyIndex([], tmp_path, skipping())
    assert index.find(["a", "b"]).tolist() == [-1, -1]
    assert len(index) == 0
