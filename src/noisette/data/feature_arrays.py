"""Features in numpy files, a batch at a time, and never through pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from noisette.data.column_names import find_columns
from noisette.data.row_checker import RawRows
from noisette.data.text_blocks import check_file
from noisette.errors import DataFileError

_NO_OBJECTS = "holds Python objects, which could run code when read; save numbers and texts as plain numpy arrays"


def read_npy(path: Path, batch_size: int) -> Iterator[RawRows]:
    """Yield the rows of a (N, D) array through a memory map."""
    values = load_npy(path, memory_map=True)
    _check_matrix(path, values.shape, values.dtype)
    for start in range(0, len(values), batch_size):
        stop = min(start + batch_size, len(values))
        yield RawRows(np.arange(start + 1, stop + 1), np.asarray(values[start:stop]))


def load_npy(path: str | Path, *, memory_map: bool = False) -> np.ndarray:
    """Load an array of numbers or texts.

    Raises:
        DataFileError: the file is missing, empty, no ``.npy``, or holds Python objects.
    """
    check_file(path)
    try:
        with Path(path).open("rb") as file:
            dtype = _read_header(file)[2]
        if dtype.hasobject:
            raise DataFileError(path, _NO_OBJECTS)
        values: np.ndarray = np.load(path, mmap_mode="r" if memory_map else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(path, f"is not a whole .npy file ({error})") from error
    return values


def read_npz(path: Path, batch_size: int) -> Iterator[RawRows]:
    """Yield the rows of the features member as they are unpacked; keys and labels are read whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            columns = {ours: names[at] for ours, at in find_columns(path, names).items()}
            small = {ours: _load_member(path, archive, name) for ours, name in columns.items() if ours != "features"}
            features = columns.get("features") or _lone_matrix(path, archive, names)
            for start, block in _stream_member(path, archive, features, batch_size, small):
                yield _raw(start, block, small)
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise DataFileError(path, f"is not a whole .npz file ({error})") from error


def _raw(start: int, block: np.ndarray, small: dict[str, np.ndarray]) -> RawRows:
    rows = slice(start, start + len(block))
    column: dict[str, Any] = {name: values[rows].tolist() for name, values in small.items()}
    texts = {name: [str(value) for value in column[name]] if name in column else None for name in ("key", "split")}
    lines = np.arange(start + 1, start + len(block) + 1)
    return RawRows(
        lines, block, texts["key"], column.get("given_label"), column.get("verification_label"), texts["split"]
    )


def _stream_member(
    path: Path, archive: zipfile.ZipFile, name: str, batch_size: int, small: dict[str, np.ndarray]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (number of the first row, rows) of a member without holding it whole."""
    with archive.open(f"{name}.npy") as file:
        shape, fortran_order, dtype = _member_header(path, name, file)
        _check_matrix(path, shape, dtype)
        for column, values in small.items():
            if values.shape != shape[:1]:
                raise DataFileError(path, f"{column} must have shape ({shape[0]},) like {name}, got {values.shape}")
        if fortran_order:  # columns first: no row is whole before the end
            whole = np.frombuffer(file.read(), dtype).reshape(shape, order="F")
            yield from ((start, whole[start : start + batch_size]) for start in range(0, shape[0], batch_size))
            return
        for start in range(0, shape[0], batch_size):
            rows = min(batch_size, shape[0] - start)
            data = file.read(rows * shape[1] * dtype.itemsize)
            if len(data) != rows * shape[1] * dtype.itemsize:
                raise DataFileError(path, f"{name} is cut off; save the file again")
            yield start, np.frombuffer(data, dtype).reshape(rows, shape[1])


def _load_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        shape, _, dtype = _member_header(path, name, file)
        return np.frombuffer(file.read(), dtype).reshape(shape)


def _lone_matrix(path: Path, archive: zipfile.ZipFile, names: list[str]) -> str:
    found = []
    for name in names:
        with archive.open(f"{name}.npy") as file:
            if len(_read_header(file)[0]) == 2:
                found.append(name)
    if len(found) != 1:
        raise DataFileError(path, f"must hold one array named features (N, D), got {', '.join(names)}")
    return found[0]


def _member_header(path: Path, name: str, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    shape, fortran_order, dtype = _read_header(file)
    if dtype.hasobject:
        raise DataFileError(path, f"{name} {_NO_OBJECTS}")
    return shape, fortran_order, dtype


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read(file)
    return tuple(shape), bool(fortran_order), dtype


def _check_matrix(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if len(shape) != 2 or dtype.kind not in "fiu":
        raise DataFileError(path, f"features must be numbers of shape (N, D), got {dtype} of shape {shape}")
    if shape[0] == 0:
        raise DataFileError(path, "has no rows")
