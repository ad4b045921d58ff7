"""Numpy object arrays of the reference format, behind a flag, and without the power to run code.

An object array is a pickle, and a pickle may call any function when read. The unpickler here knows the few names that
arrays, lists and numbers need and refuses all others.
"""

from __future__ import annotations

import pickle
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from noisette.data.text_blocks import check_file
from noisette.errors import DataFileError

_ALLOWED = {
    ("numpy", "dtype"): ("numpy", "dtype"),
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("_codecs", "encode"): ("_codecs", "encode"),
}
_OURS = "numpy._core" if int(np.__version__.split(".")[0]) >= 2 else "numpy.core"
for _core in ("numpy.core", "numpy._core"):  # the module was renamed in numpy 2; a file may have either
    for _module, _name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer")):
        _ALLOWED[f"{_core}.{_module}", _name] = (f"{_OURS}.{_module}", _name)


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Give the few constructors of arrays; refuse everything else."""
        try:
            home, attribute = _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs") from None
        return getattr(import_module(home), attribute)


def load_array(path: str | Path, *, allow_pickle: bool) -> np.ndarray:
    """Load a ``.npy``; one that holds objects only with `allow_pickle`, and then only arrays, lists and numbers.

    Raises:
        DataFileError: the file is missing, damaged, or holds objects that are not allowed.
    """
    path = check_file(path)
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(file)
            if dtype.hasobject:
                return _load_objects(path, file, shape, allow_pickle)
        values: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(path, f"is not a whole .npy file ({error})") from error
    return values


def _load_objects(path: Path, file: IO[bytes], shape: tuple[int, ...], allow_pickle: bool) -> np.ndarray:
    if not allow_pickle:
        raise DataFileError(
            path,
            "holds Python objects (a pickle), as the reference implementation writes all.npy; if you trust where it "
            "comes from, allow it with allow_pickle=True (--allow-pickle)",
        )
    try:
        values = _ArrayUnpickler(file, encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise DataFileError(path, f"is refused: {error}") from error
    except Exception as error:  # a damaged pickle raises almost anything
        raise DataFileError(path, f"is damaged ({type(error).__name__}: {error})") from error
    if not isinstance(values, np.ndarray) or values.size != int(np.prod(shape)):
        raise DataFileError(path, "holds no array of the announced shape")
    return values.reshape(shape)
