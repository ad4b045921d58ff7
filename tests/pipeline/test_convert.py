from pathlib import Path

import numpy as np
import pytest

from noisette.data import (
    VerifiedArray,
    read_all_array,
    read_reference_set,
    read_verified_array,
    write_all_array,
    write_class_list,
    write_reference_set,
    write_verified_array,
)
from noisette.errors import DataFileError, InvalidInputError
from noisette.pipeline.convert import convert_file
from noisette.types import BadRows

CLASSES = ("apple pie", "b", "c")


@pytest.fixture
def class_list(tmp_path: Path) -> Path:
    write_class_list(tmp_path / "classes.txt", CLASSES)
    return tmp_path / "classes.txt"


def convert(source: Path, target: Path, class_list: Path, **options: object) -> int:
    return convert_file(source, target, class_list, BadRows("stop"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", [".tsv", ".parquet"])
def test_verified_rows_go_round(tmp_path: Path, class_list: Path, way: str) -> None:
    features = np.random.default_rng(0).random((7, 4)).astype(np.float32).astype(np.float64)
    array = VerifiedArray(features, np.arange(7) % 3, np.arange(7) % 2)
    write_verified_array(tmp_path / "train.npy", array)
    assert convert(tmp_path / "train.npy", tmp_path / f"train{way}", class_list) == 7
    assert convert(tmp_path / f"train{way}", tmp_path / "again.npy", class_list, kind="verified") == 7
    assert (tmp_path / "again.npy").read_bytes() == (tmp_path / "train.npy").read_bytes()
    again = read_verified_array(tmp_path / "again.npy")
    np.testing.assert_array_equal(again.features, features)


@pytest.mark.parametrize("way", [".tsv", ".parquet"])
def test_all_rows_go_round(tmp_path: Path, class_list: Path, way: str) -> None:
    rng = np.random.default_rng(0)
    per_class = [rng.random((rows, 4)).astype(np.float32).astype(np.float64) for rows in (3, 0, 2)]
    write_all_array(tmp_path / "all.npy", per_class)
    with pytest.raises(DataFileError, match=r"allow_pickle|allow-pickle"):
        convert(tmp_path / "all.npy", tmp_path / f"all{way}", class_list)
    assert convert(tmp_path / "all.npy", tmp_path / f"all{way}", class_list, allow_pickle=True) == 5
    convert(tmp_path / f"all{way}", tmp_path / "again.npy", class_list, kind="all")
    for found, expected in zip(read_all_array(tmp_path / "again.npy", allow_pickle=True), per_class, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_references_go_round_with_the_rows_that_are_missing(tmp_path: Path, class_list: Path) -> None:
    values = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32).astype(np.float64)
    values[1, 2:] = np.nan
    write_reference_set(tmp_path / "ref.npy", values)
    assert convert(tmp_path / "ref.npy", tmp_path / "ref.parquet", class_list) == 10
    convert(tmp_path / "ref.parquet", tmp_path / "again.npy", class_list, kind="ref")
    np.testing.assert_array_equal(read_reference_set(tmp_path / "again.npy"), values)


def test_what_cannot_be_told_is_asked_for(tmp_path: Path, class_list: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"cannot tell from the names 'x.tsv' and 'y.npy' what they hold"):
        convert(tmp_path / "x.tsv", tmp_path / "y.npy", class_list)
    with pytest.raises(InvalidInputError, match="`kind` must be one of verified, all, ref, got 'some'"):
        convert(tmp_path / "x.tsv", tmp_path / "y.npy", class_list, kind="some")
    (tmp_path / "train.tsv").write_text("k\tb\t1\t0.5,0.5\n")
    with pytest.raises(InvalidInputError, match=r"the target must end in .tsv, .npy or .parquet, got 'y.csv'"):
        convert(tmp_path / "train.tsv", tmp_path / "y.csv", class_list)


def test_references_of_other_classes(tmp_path: Path, class_list: Path) -> None:
    write_reference_set(tmp_path / "ref.npy", np.zeros((2, 4, 5)))
    with pytest.raises(DataFileError, match="holds references of 2 classes, the class list names 3"):
        convert(tmp_path / "ref.npy", tmp_path / "ref.parquet", class_list)


@pytest.mark.parametrize("target", ["all.npy", "all.tsv", "all.parquet"])
def test_a_source_without_a_usable_row_is_an_error(tmp_path: Path, class_list: Path, target: str) -> None:
    (tmp_path / "a.tsv").write_text("x\tzebra\t1,2\n", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"a\.tsv: no row could be used; nothing is written: 1 of 1 rows skipped"):
        convert_file(tmp_path / "a.tsv", tmp_path / target, class_list, BadRows("skip"), kind="all")
    assert not (tmp_path / target).exists()


def test_safetensors_without_references_are_named(tmp_path: Path, class_list: Path) -> None:
    from safetensors.numpy import save_file

    source = tmp_path / "x.safetensors"
    with pytest.raises(DataFileError, match=r"x\.safetensors: is not a whole \.safetensors file"):
        convert(source, tmp_path / "ref.npy", class_list)
    source.write_bytes(b"junk")
    with pytest.raises(DataFileError, match=r"is not a whole \.safetensors file"):
        convert(source, tmp_path / "ref.npy", class_list)
    save_file({"weights": np.zeros(3)}, source)
    with pytest.raises(DataFileError, match="holds no references"):
        convert(source, tmp_path / "ref.npy", class_list)
