import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from noisette.data.datasets import DATASETS, read_dataset
from noisette.errors import DataFileError, InvalidInputError
from noisette.types import BadRows
from tests.data.datasets.cifar_files import cifar_batches, human_labels, write_binary
from tests.data.datasets.trees import plant, samples


def test_every_data_set_says_what_is_missing(tmp_path: Path) -> None:
    for name in DATASETS:
        with pytest.raises(DataFileError):
            list(read_dataset(name, tmp_path, BadRows()).samples)


def test_an_unknown_name_gets_the_list(tmp_path: Path) -> None:
    expected = (
        "`name` must be one of food101n, clothing1m, webvision, mini-webvision, animal10n, cifar10n, cifar100n, "
        "webdataset, huggingface, got 'mnist'"
    )
    with pytest.raises(InvalidInputError, match=expected):
        read_dataset("mnist", tmp_path, BadRows())


@pytest.mark.parametrize(
    ("name", "option", "able"),
    [
        ("food101n", "label_field", "cifar10n, cifar100n, webdataset, huggingface"),
        ("cifar10n", "test_root", "food101n"),
        ("animal10n", "class_names", "webdataset, huggingface"),
    ],
)
def test_an_option_that_means_nothing_is_refused(tmp_path: Path, name: str, option: str, able: str) -> None:
    value: dict[str, object] = {"label_field": "x", "test_root": tmp_path, "class_names": ["a"]}
    with pytest.raises(
        InvalidInputError, match=f"`{option}` means nothing for '{name}', only for {able}; leave it out"
    ):
        read_dataset(name, tmp_path, BadRows(), **{option: value[option]})  # type: ignore[arg-type]


def test_options_arrive(tmp_path: Path) -> None:
    sets = human_labels(cifar_batches())
    np.savez(write_binary(tmp_path, cifar_batches()) / "CIFAR-10_human.npz", **sets)
    found = samples(read_dataset("cifar10n", tmp_path, BadRows(), label_field="random3"))
    assert [one.given_label for one in found[:15]] == sets["random_label3"].tolist()


def test_a_data_set_is_read_by_its_name(tmp_path: Path) -> None:
    plant(tmp_path, {"training/1_a.jpg": "", "testing/2_a.jpg": ""})
    assert [one.given_label for one in samples(read_dataset("animal10n", tmp_path, BadRows()))] == [1, 2]


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, noisette.data.datasets; print([name for name in ('torch', 'datasets') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
