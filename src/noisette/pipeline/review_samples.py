"""The samples of a workspace as the review page holds them: columns of numbers and Arrow text, a few bytes a sample."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from noisette.errors import DataFileError
from noisette.pipeline.workspace import Workspace
from noisette.store import DrawColumns, StandingColumns, file_hash, places_in, read_table
from noisette.types import IntArray

Int32Array = npt.NDArray[np.int32]
_SEPARATOR = "\x1f"  # no key holds a control character


class ReviewSamples:
    """N samples; a sample's id is its row number.

    Copies (one picture, one given label, one split) have one leader, the first of them: the page shows leaders alone.

    Args:
        workspace: the workspace; its duplicates are used where `detect` has found some for these samples.

    Raises:
        DataFileError: the samples cannot be read, or carry a label that is no class.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.class_names = workspace.class_names()
        table = _read(workspace.samples)
        self._keys, self._uris = (_text(table.column(name)) for name in ("key", "uri"))
        splits = pc.dictionary_encode(_text(table.column("split")))
        self.split_names: list[str] = splits.dictionary.to_pylist()
        self._splits = splits.indices.to_numpy(zero_copy_only=False).astype(np.int16)
        self.given: Int32Array = table.column("given_label").to_numpy().astype(np.int32)
        if self.given.size and not (0 <= self.given.min() and self.given.max() < len(self.class_names)):
            raise DataFileError(
                workspace.samples, "has a given label that is not in classes.txt; make the workspace anew"
            )
        self._by_class = np.argsort(self.given, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(self.given[self._by_class], np.arange(len(self.class_names) + 1))
        self.class_sizes: IntArray = np.diff(self._starts)
        self._index = _KeyIndex(self._names())
        self.leader, self.copies = np.arange(len(self), dtype=np.int32), np.ones(len(self), dtype=np.int32)
        self._members = np.empty(0, dtype=np.int32)
        self._find_copies(workspace)
        identity = f"{workspace.root.resolve()}\n{file_hash(workspace.samples)}"
        self.workspace_id = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def __len__(self) -> int:
        return int(self.given.size)

    def name(self, row: int) -> tuple[str, str]:
        """Give (split, key) of a sample."""
        return self.split_names[self._splits[row]], str(self._keys[row].as_py())

    def uri(self, row: int) -> str:
        """Give where a sample's picture is; "" where there is none."""
        return str(self._uris[row].as_py())

    def row_of(self, name: tuple[str, str]) -> int | None:
        """Give the row of (split, key), None where there is no such sample."""
        return next((row for row in self._index.candidates(_joined(*name)) if self.name(row) == name), None)

    def rows_of_class(self, class_id: int) -> Int32Array:
        """Give the rows that carry a given label, ascending."""
        found: Int32Array = self._by_class[self._starts[class_id] : self._starts[class_id + 1]]
        return found

    def is_split(self, names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        """(N,) mask of the samples in splits of these names."""
        return np.isin(self._splits, [i for i, name in enumerate(self.split_names) if name in names])

    def copies_of(self, row: int) -> list[int]:
        """Give all samples that share the tile of this one, itself included, ascending."""
        if self.copies[row] == 1:
            return [row]
        leaders = self.leader[self._members]
        low, high = np.searchsorted(leaders, [self.leader[row], self.leader[row] + 1])
        found: list[int] = self._members[low:high].tolist()
        return found

    def rows_for(self, splits: list[str], keys: list[str]) -> IntArray:
        """Give the row of each (split, key) of a table, -1 where there is none."""
        asked = pa.array(keys, pa.large_string())
        numbers = {name: number for number, name in enumerate(self.split_names)}
        codes = np.array([numbers.get(split, -1) for split in splits], dtype=np.int16)
        if asked.equals(self._keys) and np.array_equal(codes, self._splits):
            return np.arange(len(self))
        rows = self._index.first_candidates([_joined(*name) for name in zip(splits, keys, strict=True)])
        found = rows >= 0
        same = pc.equal(self._keys.take(pa.array(rows[found])), asked.filter(pa.array(found)))
        is_right = np.asarray(same.to_numpy(zero_copy_only=False)) & (self._splits[rows[found]] == codes[found])
        for place in np.flatnonzero(found)[~is_right].tolist():  # another name of that hash comes first
            row = self.row_of((splits[place], keys[place]))
            rows[place] = -1 if row is None else row
        return rows

    def places_in(self, table: StandingColumns | DrawColumns, given: Int32Array | None = None) -> IntArray:
        """Give (N,) the row of a table of the store that is about each sample (with that given label), -1 = none."""
        return places_in(table, self._split_texts(), self._keys, given)

    def _split_texts(self) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(self._splits), pa.array(self.split_names, pa.string()))

    def _names(self) -> pa.Array:
        splits = self._split_texts().cast(pa.string())
        return pc.binary_join_element_wise(splits, self._keys.cast(pa.string()), _SEPARATOR)

    def _find_copies(self, workspace: Workspace) -> None:
        if not workspace.duplicates.exists():
            return
        columns = read_table(workspace.duplicates)
        group = np.full(len(self), -1, dtype=np.int64)
        rows = self.rows_for(list(columns["split"]), list(columns["key"]))
        group[rows[rows >= 0]] = np.asarray(columns["duplicate_group"])[rows >= 0]
        rows = np.flatnonzero(group >= 0)
        tiles = np.stack([group[rows], self.given[rows], self._splits[rows]])
        _, first, inverse, counts = np.unique(tiles, axis=1, return_index=True, return_inverse=True, return_counts=True)
        self.leader[rows] = rows[first][inverse.ravel()]
        self.copies[rows] = counts[inverse.ravel()]
        several = rows[self.copies[rows] > 1]
        self._members = several[np.argsort(self.leader[several], kind="stable")].astype(np.int32)


@dataclass(frozen=True, eq=False)
class _KeyIndex:
    """From a name to the rows that may carry it: sorted hashes, 12 bytes a sample where a dict takes over a hundred."""

    hashes: IntArray
    rows: Int32Array

    def __init__(self, names: pa.Array) -> None:
        hashes = np.empty(len(names), dtype=np.int64)
        for start in range(0, len(names), 65536):
            part = names.slice(start, 65536).to_pylist()
            hashes[start : start + len(part)] = [hash(name) for name in part]
        order = np.argsort(hashes, kind="stable")
        object.__setattr__(self, "hashes", hashes[order])
        object.__setattr__(self, "rows", order.astype(np.int32))

    def first_candidates(self, names: list[str]) -> IntArray:
        """Give for each name the first row that may carry it, -1 where none does."""
        wanted = np.fromiter(map(hash, names), dtype=np.int64, count=len(names))
        if self.hashes.size == 0:
            return np.full(wanted.size, -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.hashes, wanted), self.hashes.size - 1)
        return np.where(self.hashes[places] == wanted, self.rows[places], -1).astype(np.int64)

    def candidates(self, name: str) -> list[int]:
        wanted = hash(name)
        low, high = np.searchsorted(self.hashes, wanted), np.searchsorted(self.hashes, wanted, side="right")
        found: list[int] = self.rows[low:high].tolist()
        return found


def _joined(split: str, key: str) -> str:
    return f"{split}{_SEPARATOR}{key}"


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, columns=["split", "key", "uri", "given_label"], partitioning=None)
    except FileNotFoundError:
        raise DataFileError(path, "does not exist; run `noisette init`") from None
    except (OSError, pa.ArrowException) as error:
        raise DataFileError(path, f"is not a Parquet file of samples ({error}); make the workspace again") from error


def _text(column: pa.ChunkedArray) -> pa.Array:
    found = column.cast(pa.large_string()).combine_chunks()
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
