"""Writing label files for other programs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import DataFileError, ShapeError
from noisette.files import atomic_open, atomic_path


def write_label_file(path: str | Path, columns: Mapping[str, Sequence[Any] | np.ndarray | pa.Array]) -> None:
    """Write columns of equal length as ``.csv``, ``.tsv`` or ``.parquet``, with a header, in the order given.

    None is an empty cell. An arrow array says its type to Parquet, also where all cells are empty.

    Raises:
        ShapeError: the columns differ in length.
        DataFileError: the name ends otherwise, or a TSV cell holds a tab or line break.
    """
    path = Path(path)
    cells = {
        name: values.tolist() if isinstance(values, np.ndarray | pa.Array) else list(values)
        for name, values in columns.items()
    }
    if len({len(values) for values in cells.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in cells.items())
        raise ShapeError(f"columns must be equally long, got {lengths}")
    match path.suffix.lower():
        case ".parquet":
            with atomic_path(path) as temporary:
                typed = {name: values for name, values in columns.items() if isinstance(values, pa.Array)}
                pq.write_table(pa.table(cells | typed), temporary, compression="zstd")
        case ".csv":
            with atomic_open(path) as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([list(cells), *zip(*cells.values(), strict=True)])
        case ".tsv":
            with atomic_open(path) as file:
                for row in [tuple(cells), *zip(*cells.values(), strict=True)]:
                    file.write("\t".join(_tsv_cell(path, cell) for cell in row) + "\n")
        case _:
            raise DataFileError(path, "cannot be written; name a .csv, .tsv or .parquet file")


def _tsv_cell(path: Path, cell: Any) -> str:
    text = "" if cell is None else str(cell)
    if any(mark in text for mark in "\t\n\r"):
        raise DataFileError(path, f"a TSV cannot hold {text!r}; write a .csv or .parquet instead")
    return text
