from pathlib import Path

import numpy as np
import pytest

from noisette.data.datasets.cifar_layout import CIFAR10
from noisette.data.datasets.cifar_pictures import find_form, iter_pictures
from noisette.errors import DataFileError
from tests.data.datasets.cifar_files import cifar_batches, write_binary, write_python


def test_the_form_is_found_by_its_folders(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(DataFileError, match="holds no pictures; expected the pictures of CIFAR-10"):
        find_form(tmp_path, CIFAR10)
    (tmp_path / "test").mkdir()
    assert find_form(tmp_path, CIFAR10) == "folders"
    write_python(tmp_path, cifar_batches())
    assert find_form(tmp_path, CIFAR10) == "python"
    write_binary(tmp_path, cifar_batches())
    assert find_form(tmp_path, CIFAR10) == "binary"
    (tmp_path / CIFAR10.binary[1]).unlink()
    with pytest.raises(DataFileError, match=r"lacks cifar-10-batches-bin/test_batch\.bin; unpack the archive again"):
        find_form(tmp_path, CIFAR10)


def test_pictures_say_where_their_class_was_read(tmp_path: Path) -> None:
    batches = cifar_batches()
    write_binary(tmp_path, batches)
    found = list(iter_pictures(tmp_path, CIFAR10, "binary", "train", np.zeros(0, dtype=np.int64)))
    assert [(one.path.name, one.row) for one in found[:5]] == [
        ("data_batch_1.bin", 1),
        ("data_batch_1.bin", 2),
        ("data_batch_1.bin", 3),
        ("data_batch_2.bin", 1),
        ("data_batch_3.bin", 1),
    ]
    assert [one.uri for one in found[2:4]] == [
        "raw://6147+3072/3x32x32::cifar-10-batches-bin/data_batch_1.bin",
        "raw://1+3072/3x32x32::cifar-10-batches-bin/data_batch_2.bin",
    ]


def test_the_binary_and_the_python_version_give_the_same(tmp_path: Path) -> None:
    batches = cifar_batches()
    write_binary(tmp_path, batches)
    write_python(tmp_path, batches)
    for split in ("train", "test"):
        one, other = (
            [(p.key, p.label) for p in iter_pictures(tmp_path, CIFAR10, form, split, np.zeros(0, dtype=np.int64))]
            for form in ("binary", "python")
        )
        assert one == other
