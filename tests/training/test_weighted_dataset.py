from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset

from noisette.errors import DataFileError, InvalidInputError, ShapeError
from noisette.training import WeightedDataset, read_weights


class Folder(Dataset[tuple[torch.Tensor, int]]):
    """What `torchvision.datasets.ImageFolder` says of its files."""

    def __init__(self, root: Path, names: list[str]) -> None:
        self.root, self.samples = str(root), [(str(root / name), row) for row, name in enumerate(names)]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.full((2,), float(index)), self.samples[index][1]


NAMES = ["cat/a.jpg", "cat/b.jpg", "dog/a.jpg"]
WEIGHTS = {"dog/a.jpg": 4.0, "cat/b.jpg": 0.0, "cat/a.jpg": 2.0, "elsewhere.jpg": 9.0}


def test_weights_are_joined_by_path_and_not_by_position(tmp_path: Path) -> None:
    data = WeightedDataset(Folder(tmp_path, NAMES), WEIGHTS, normalize=False)
    assert [data[row][2] for row in range(3)] == [2.0, 0.0, 4.0]
    assert data[2][1] == 2


def test_weights_have_mean_one_over_the_data_set(tmp_path: Path) -> None:
    np.testing.assert_allclose(WeightedDataset(Folder(tmp_path, NAMES), WEIGHTS).weights, [1, 0, 2])


def test_a_subset_and_a_joined_data_set_keep_their_keys(tmp_path: Path) -> None:
    folder = Folder(tmp_path, NAMES)
    data = WeightedDataset(ConcatDataset([Subset(folder, [2, 0]), folder]), WEIGHTS, normalize=False)
    assert data.weights.tolist() == [4, 2, 2, 0, 4]


def test_a_loader_gives_batches_of_three(tmp_path: Path) -> None:
    loader: DataLoader[Any] = DataLoader(WeightedDataset(Folder(tmp_path, NAMES), WEIGHTS), batch_size=3)
    images, labels, weights = next(iter(loader))
    assert images.shape == (3, 2)
    assert labels.tolist() == [0, 1, 2]
    assert weights.dtype == torch.float64
    assert weights.tolist() == [1, 0, 2]


def test_a_sample_without_a_weight_is_an_error_that_shows_both_kinds_of_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"'cat/a.jpg' \(its keys look like 'train/cat/a.jpg'\)"):
        WeightedDataset(Folder(tmp_path, NAMES), {"train/cat/a.jpg": 1.0})
    data = WeightedDataset(Folder(tmp_path, NAMES), {"cat/a.jpg": 3.0}, missing=1.0, normalize=False)
    assert data.weights.tolist() == [3, 1, 1]


def test_a_data_set_that_names_no_files_needs_keys() -> None:
    with pytest.raises(InvalidInputError, match="give `keys`"):
        WeightedDataset([(0, 0)], {})
    with pytest.raises(ShapeError, match="one key a sample, 1, got 2"):
        WeightedDataset([(0, 0)], {}, keys=["a", "b"])


def write(path: Path, **columns: list[Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_weights_come_from_a_score_table_by_split(tmp_path: Path) -> None:
    path = write(tmp_path / "s.parquet", split=["train", "test"], key=["a", "a"], sample_weight=[0.5, 1.0])
    assert read_weights(path, split="train") == {"a": 0.5}
    with pytest.raises(InvalidInputError, match="'a' is there twice; say which `split`"):
        read_weights(path)
    data = WeightedDataset([(0, 0)], path, keys=["a"], split="test", normalize=False)
    assert data.weights.tolist() == [1]


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_weights_come_from_text_tables_of_paths(tmp_path: Path, suffix: str, delimiter: str) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_text(f"path{delimiter}sample_weight\na/b.jpg{delimiter}0.25\n")
    assert read_weights(path) == {"a/b.jpg": 0.25}


def test_a_file_that_holds_no_weights_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"needs the columns 'key' .or 'path'. and 'sample_weight', has .'key'."):
        read_weights(write(tmp_path / "s.parquet", key=["a"]))
    with pytest.raises(DataFileError, match="has no column 'split'"):
        read_weights(write(tmp_path / "t.parquet", key=["a"], sample_weight=[1.0]), split="train")
    with pytest.raises(DataFileError, match="cannot be read as a table"):
        read_weights(tmp_path / "none.parquet")
