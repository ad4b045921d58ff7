import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy

from noisette.data.object_arrays import load_array
from noisette.errors import DataFileError


def save_objects(path: Path, values: Any, pickled: bytes | None = None) -> None:
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
        file.write(pickle.dumps(values) if pickled is None else pickled)


class Attack:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("code from a data file was run",))


def test_objects_need_the_flag(tmp_path: Path) -> None:
    np.save(tmp_path / "all.npy", np.array([[1], [2, 3]], dtype=object), allow_pickle=True)
    with pytest.raises(DataFileError, match=r"all\.npy: holds Python objects .* allow_pickle=True \(--allow-pickle\)"):
        load_array(tmp_path / "all.npy", allow_pickle=False)
    assert load_array(tmp_path / "all.npy", allow_pickle=True).tolist() == [[1], [2, 3]]


@pytest.mark.parametrize("protocol", [2, 4])
def test_arrays_lists_and_numpy_numbers_are_read(tmp_path: Path, protocol: int) -> None:
    inner = [np.arange(3.0), [np.float64(1.5), 2], np.array([[1, 2]], dtype=np.float32)]
    values = np.empty(3, dtype=object)
    values[:] = inner
    with (tmp_path / "a.npy").open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (3,)})
        pickle.dump(values, file, protocol=protocol)
    got = load_array(tmp_path / "a.npy", allow_pickle=True)
    for found, expected in zip(got, inner, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_file_of_numpy_1_is_read(tmp_path: Path) -> None:
    values = np.empty(1, dtype=object)
    values[0] = np.arange(2.0)
    old = pickle.dumps(values, protocol=0).replace(b"numpy._core", b"numpy.core")
    save_objects(tmp_path / "a.npy", None, old)
    np.testing.assert_array_equal(load_array(tmp_path / "a.npy", allow_pickle=True)[0], [0.0, 1.0])


def test_code_in_a_file_is_refused_even_with_the_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.empty(1, dtype=object)
    values[0] = Attack()
    save_objects(tmp_path / "a.npy", values)
    with pytest.raises(DataFileError, match=r"is refused: it asks for builtins\.print, which no array"):
        load_array(tmp_path / "a.npy", allow_pickle=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"not numpy", "is not a whole .npy file"), (b"", "is empty")],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataFileError, match=message):
        load_array(tmp_path / "a.npy", allow_pickle=True)


def test_damaged_objects_are_refused(tmp_path: Path) -> None:
    save_objects(tmp_path / "a.npy", None, b"\x80\x04garbage")
    with pytest.raises(DataFileError, match=r"is (damaged|refused)"):
        load_array(tmp_path / "a.npy", allow_pickle=True)
    save_objects(tmp_path / "a.npy", [1, 2])
    with pytest.raises(DataFileError, match="holds no array of the announced shape"):
        load_array(tmp_path / "a.npy", allow_pickle=True)
    np.save(tmp_path / "b.npy", np.ones((4, 4)))
    (tmp_path / "b.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:-8])
    with pytest.raises(DataFileError, match=r"is not a whole \.npy file"):
        load_array(tmp_path / "b.npy", allow_pickle=False)
