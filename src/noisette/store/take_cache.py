"""Random access to a feature table: a ``.npy`` memory map beside it, or its row groups where there can be none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.lib import format as npy

from noisette.files import atomic_path
from noisette.store.arrow_rows import float32_rows
from noisette.types import Float32Array, IntArray

_ROWS_AT_ONCE = 1024


def cache_path(table: Path, content_hash: str) -> Path:
    """Give the path of the cache of a table with this content; other content has another name."""
    name = f"{content_hash[:16]}.take.npy"
    return table / name if table.is_dir() else table.with_name(f"{table.name}.{name}")


def make_cache(table: Path, content_hash: str, shape: tuple[int, int], blocks: Iterator[np.ndarray]) -> Path | None:
    """Write the memory map of a table where it is missing, and give its path; None where it cannot be written."""
    path = cache_path(table, content_hash)
    if shape[0] == 0:
        return None
    if _is_whole(path, shape):
        return path
    try:
        _write(path, shape, blocks)
    except OSError:  # a read-only or full disk costs speed, not the answer
        return None
    return path if _is_whole(path, shape) else None


def gather_from_cache(path: Path, rows: IntArray, num_features: int) -> Float32Array:
    """Take rows from a memory map.

    It is opened anew for every thousand rows, in ascending order: pages of an open map count as memory in use, and a
    long walk through a big table would pile up all of it.
    """
    out = np.empty((len(rows), num_features), dtype=np.float32)
    order = np.argsort(rows, kind="stable")
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        places = order[start : start + _ROWS_AT_ONCE]
        out[places] = np.load(path, mmap_mode="r", allow_pickle=False)[rows[places]]
    return out


def gather(parts: Sequence[Path], part_rows: Sequence[int], rows: IntArray, num_features: int) -> Float32Array:
    """Take rows from the row groups that hold them, one row group at a time."""
    out = np.empty((len(rows), num_features), dtype=np.float32)
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    start = 0
    for part, count in zip(parts, part_rows, strict=True):
        low, high = np.searchsorted(ordered, [start, start + count])
        if low < high:
            _gather_part(part, ordered[low:high] - start, order[low:high], out)
        start += count
    return out


def _gather_part(part: Path, rows: IntArray, places: IntArray, out: Float32Array) -> None:
    """Put the (ascending) `rows` of one part into `out` at `places`."""
    start = 0
    with pq.ParquetFile(part, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            low, high = np.searchsorted(rows, [start, start + count])
            if low < high:
                column = file.read_row_group(group, columns=["features"], use_threads=False).column(0)
                out[places[low:high]] = float32_rows(column.combine_chunks())[rows[low:high] - start]
            start += count


def _is_whole(path: Path, shape: tuple[int, int]) -> bool:
    try:
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return found.shape == shape


def _write(path: Path, shape: tuple[int, int], blocks: Iterable[np.ndarray]) -> None:
    """Write the blocks one after the other under a numpy header that announces them all."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for number, block in enumerate(blocks):
            if number == 0:
                header = {"descr": npy.dtype_to_descr(block.dtype), "fortran_order": False, "shape": shape}
                npy.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(block).data)
