"""The samples of a workspace on disk."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from noisette.errors import DataFileError
from noisette.store.small_tables import read_table, write_table
from noisette.types import SampleTable

_COLUMNS = ("split", "key", "uri", "given_label")


def write_samples(path: str | Path, samples: SampleTable) -> None:
    """Write samples as Parquet with columns split, key, uri, given_label (int32).

    Raises:
        InvalidInputError: a (split, key) appears twice.
    """
    samples.positions()
    labels = samples.given_labels.astype(np.int32)
    write_table(path, dict(zip(_COLUMNS, (samples.splits, samples.keys, samples.uris, labels), strict=True)))


def read_samples(path: str | Path) -> SampleTable:
    """Read what `write_samples` wrote.

    Raises:
        DataFileError: the file is missing, damaged, or holds other columns.
    """
    columns = read_table(path, _COLUMNS)
    splits, keys, uris, labels = (columns[name] for name in _COLUMNS)
    if isinstance(labels, list) or not (isinstance(splits, list) and isinstance(keys, list) and isinstance(uris, list)):
        raise DataFileError(path, "must hold text in split, key and uri, and numbers in given_label")
    shared = [sys.intern(split) for split in splits]  # a handful of names, not one string a row
    return SampleTable(shared, keys, uris, labels.astype(np.int64))
