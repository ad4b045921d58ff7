"""The nearest neighbours of every row on disk: fixed lists of row numbers and cosines, written and read in blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.errors import DataFileError, InvalidInputError
from noisette.files import atomic_path
from noisette.types import FloatArray, IntArray

ROW_GROUP = 65536


@dataclass(frozen=True, eq=False)
class NeighborRows:
    """The neighbours of B rows, nearest first.

    Attributes:
        neighbors: (B, k) row numbers; -1 where there are fewer than k.
        similarities: (B, k) cosines; -inf where there are fewer than k.
    """

    neighbors: IntArray
    similarities: FloatArray


def write_neighbors(
    path: str | Path, splits: list[str], keys: list[str], blocks: Iterable[NeighborRows], num_neighbors: int
) -> None:
    """Write split, key, neighbors (int32) and similarities (float16) of N rows; memory does not grow with N.

    Args:
        path: the Parquet file.
        splits: N splits.
        keys: N keys.
        blocks: the neighbours of all rows, in order; blocks may be of any size.
        num_neighbors: k.
    """
    fields = (
        ("split", pa.string()),
        ("key", pa.string()),
        ("neighbors", pa.list_(pa.int32(), num_neighbors)),
        ("similarities", pa.list_(pa.float16(), num_neighbors)),
    )
    schema = pa.schema(fields)
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", compression_level=1) as writer,
    ):
        start = 0
        for block in regrouped(blocks, ROW_GROUP):
            part = slice(start, start + len(block.neighbors))
            numbers = _lists(block.neighbors.astype(np.int32)), _lists(block.similarities.astype(np.float16))
            columns = [pa.array(splits[part]), pa.array(keys[part]), *numbers]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROW_GROUP)
            start = part.stop
        if start != len(keys):
            raise InvalidInputError(f"`blocks` must hold the neighbours of {len(keys)} rows, got {start}")


class NeighborTable:
    """Reads what `write_neighbors` wrote.

    Raises:
        DataFileError: the file is missing or damaged, or holds something else.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            about = pq.read_metadata(self.path)
        except (OSError, pa.ArrowException) as error:
            raise DataFileError(path, f"cannot be read ({error}); run `noisette detect` again") from error
        schema = about.schema.to_arrow_schema()
        if "neighbors" not in schema.names or "similarities" not in schema.names:
            raise DataFileError(path, "holds no neighbours; run `noisette detect` again")
        self.num_rows = int(about.num_rows)
        self.num_neighbors = int(schema.field("neighbors").type.list_size)
        sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(np.array(sizes, dtype=np.int64))])

    def iter_batches(self, batch_size: int) -> Iterator[NeighborRows]:
        """Yield the neighbours of all rows in order, at most `batch_size` rows at a time."""
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size, columns=["neighbors", "similarities"], use_threads=False):
                yield self._rows(batch.column(0), batch.column(1))

    def take(self, rows: IntArray) -> NeighborRows:
        """Give the neighbours of the rows with these numbers, in this order; reads the row groups they lie in."""
        neighbors = np.full((rows.size, self.num_neighbors), -1, dtype=np.int64)
        similarities = np.full((rows.size, self.num_neighbors), -np.inf, dtype=np.float32)
        groups = np.searchsorted(self._starts, rows, side="right") - 1
        with pq.ParquetFile(self.path) as file:
            for group in np.unique(groups):
                table = file.read_row_group(int(group), columns=["neighbors", "similarities"]).combine_chunks()
                found = self._rows(table.column(0).chunk(0), table.column(1).chunk(0))
                places = np.flatnonzero(groups == group)
                within = rows[places] - self._starts[group]
                neighbors[places], similarities[places] = found.neighbors[within], found.similarities[within]
        return NeighborRows(neighbors, similarities)

    def _rows(self, neighbors: pa.Array, similarities: pa.Array) -> NeighborRows:
        shape = (-1, self.num_neighbors)
        numbers = neighbors.flatten().to_numpy().astype(np.int64).reshape(shape)
        return NeighborRows(numbers, similarities.flatten().to_numpy().astype(np.float32).reshape(shape))


def regrouped(blocks: Iterable[NeighborRows], size: int) -> Iterator[NeighborRows]:
    """Cut blocks into ones of `size` rows (fewer in the last), so that the file does not depend on how they came."""
    waiting: list[NeighborRows] = []
    for block in blocks:
        waiting.append(block)
        if sum(len(each.neighbors) for each in waiting) >= size:
            joined = _joined(waiting)
            whole = len(joined.neighbors) // size * size
            for start in range(0, whole, size):
                yield _part(joined, start, start + size)
            waiting = [_part(joined, whole, len(joined.neighbors))]
    if waiting and (rest := _joined(waiting)).neighbors.size:
        yield rest


def _joined(blocks: list[NeighborRows]) -> NeighborRows:
    neighbors = np.concatenate([each.neighbors for each in blocks])
    return NeighborRows(neighbors, np.concatenate([each.similarities for each in blocks]))


def _part(rows: NeighborRows, start: int, stop: int) -> NeighborRows:
    return NeighborRows(rows.neighbors[start:stop], rows.similarities[start:stop])


def _lists(values: npt.NDArray[np.int32] | npt.NDArray[np.float16]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
