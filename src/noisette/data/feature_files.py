"""Feature files of any kind as one stream of checked batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from noisette.data.batches import FeatureBatch
from noisette.data.feature_arrays import read_npy, read_npz
from noisette.data.feature_csv import read_csv
from noisette.data.feature_parquet import read_parquet
from noisette.data.key_register import KeyRegister
from noisette.data.row_checker import RawRows, RowChecker
from noisette.data.text_blocks import check_file
from noisette.errors import DataFileError, InvalidInputError
from noisette.types import BadRows


def read_feature_file(
    path: str | Path,
    bad_rows: BadRows,
    *,
    class_names: Sequence[str] | None = None,
    num_features: int | None = None,
    batch_size: int = 4096,
) -> Iterator[FeatureBatch]:
    """Read features, and keys and labels where the file has them, as a stream.

    - ``.npy``: a (N, D) array, memory-mapped.
    - ``.npz``: `features` (N, D), read a batch at a time; `key`, `split`, `given_label`, `verification_label` (N,)
      where present. A lone two-dimensional array may have any name.
    - ``.csv``, ``.tsv``: with a header, columns key, split, given_label, verification_label in any order and the rest
      features; without one, features, preceded by a key if the first column holds no number. No quoted line breaks.
    - ``.parquet``, or a folder of them: the same columns, `features` a list column, or numbered columns f0, f1, ...

    Labels may be class ids or names of `class_names`; a name wins over an id that reads the same.

    Args:
        path: the file, or a folder of Parquet parts.
        bad_rows: takes bad rows with their line (text) or 1-based row number.
        class_names: names in the order of their ids.
        num_features: D; None takes it from the first good row.
        batch_size: the largest number of rows in a batch.

    Yields:
        Batches in file order.

    Raises:
        DataFileError: the file is missing, empty, or no feature file.
        TooManyBadRowsError: by the policy of `bad_rows`.
    """
    if batch_size < 1:
        raise InvalidInputError(f"`batch_size` must be at least 1, got {batch_size}")
    path = check_file(path, may_be_folder=True)
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise DataFileError(path, "has no .parquet files; name a feature file or a folder of Parquet parts")
    keys = KeyRegister()
    for file in files:
        keys.start_file(file.name)
        checker = RowChecker(file, bad_rows, class_names, num_features, keys)
        for raw in _raw_rows(file, bad_rows, batch_size):
            yield from checker.check(raw).pieces(batch_size)
        num_features = checker.num_features
        bad_rows.check(file)


def _raw_rows(path: Path, bad_rows: BadRows, batch_size: int) -> Iterator[RawRows]:
    match path.suffix.lower():
        case ".npy":
            return read_npy(path, batch_size)
        case ".npz":
            return read_npz(path, batch_size)
        case ".csv":
            return read_csv(path, bad_rows, ",")
        case ".tsv":
            return read_csv(path, bad_rows, "\t")
        case ".parquet":
            return read_parquet(path, batch_size)
    raise DataFileError(path, "is no feature file by its name; expected .npy, .npz, .csv, .tsv or .parquet")
