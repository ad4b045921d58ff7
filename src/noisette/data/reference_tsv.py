"""The reference implementation's TSV files: key, class name, (verification label,) features; no header.

Every block is parsed as columns by pyarrow. A block in which anything is wrong is halved until a few lines are left;
those are parsed line by line, which finds the bad rows and their lines and keeps the good ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from noisette.data.batches import FeatureBatch, FeatureType
from noisette.data.key_register import KeyRegister
from noisette.data.reference_rows import Layout, find_layout, parse_line
from noisette.data.rows import BadRowError
from noisette.data.text_blocks import TextBlock, iter_blocks
from noisette.errors import InvalidInputError
from noisette.types import UNVERIFIED, BadRows, FloatArray, IntArray

_FEW_LINES = 16
_LABELS = {"0": 0, "1": 1, "-1": -1}


def read_reference_tsv(
    path: str | Path,
    class_names: Sequence[str],
    bad_rows: BadRows,
    *,
    verified: bool,
    num_features: int | None = None,
    batch_size: int = 4096,
    dtype: FeatureType = "float32",
) -> Iterator[FeatureBatch]:
    r"""Read a reference TSV as a stream.

    Rows are ``key, class_name, verification_label, f1,f2,...`` (verified) or ``key, class_name, f1,f2,...``, separated
    by tabs; a column after the key (the url) is ignored. Rows with verification label -1 are left out and counted in
    `bad_rows.left_out`. A byte order mark and Windows line ends are accepted.

    Args:
        path: the file.
        class_names: names in the order of their ids.
        bad_rows: takes every row that is wrong, with its line: number of columns or of features, a feature that is no
            number or not finite, unknown class, bad verification label, empty or duplicate key, blank line, bytes
            that are not UTF-8.
        verified: whether the file has the verification label column.
        num_features: D; None takes it from the first good row.
        batch_size: the largest number of rows in a batch.
        dtype: "float32", or "float64" for the very numbers of the published arrays.

    Yields:
        Batches in file order.

    Raises:
        DataFileError: the file is missing or empty.
        TooManyBadRowsError: by the policy of `bad_rows`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "train.tsv"
        ...     _ = path.write_text("a.jpg\tcat\t1\t0.5,2\nb.jpg\tcow\t0\t1,1\n", encoding="utf-8")
        ...     bad = BadRows(on_error="skip")
        ...     (batch,) = read_reference_tsv(path, ["cat", "dog"], bad, verified=True)
        >>> batch.keys, batch.features.tolist(), bad.summary()
        (['a.jpg'], [[0.5, 2.0]], '1 of 2 rows skipped: 1 unknown class')
    """
    if batch_size < 1:
        raise InvalidInputError(f"`batch_size` must be at least 1, got {batch_size}")
    reader: _Reader | None = None
    for block in iter_blocks(path):
        if reader is None:
            layout = find_layout(block, verified=verified)
            reader = _Reader(Path(path), list(class_names), layout, bad_rows, num_features, np.dtype(dtype))
        for batch in reader.read(block):
            yield from batch.pieces(batch_size)
    bad_rows.check(path)


@dataclass(frozen=True, eq=False)
class _Columns:
    keys: list[str]
    labels: IntArray
    verdicts: IntArray | None
    features: FloatArray


class _Reader:
    """What must be remembered from block to block."""

    def __init__(
        self,
        path: Path,
        class_names: list[str],
        layout: Layout,
        bad_rows: BadRows,
        num_features: int | None,
        dtype: np.dtype[Any],
    ) -> None:
        self.path, self.layout, self.bad_rows = path, layout, bad_rows
        self.num_features, self.dtype = num_features, dtype
        self.class_ids = {name: number for number, name in enumerate(class_names)}
        self.name_array = pa.array(class_names, pa.string())
        self.keys = KeyRegister()

    def read(self, block: TextBlock) -> Iterator[FeatureBatch]:
        """Parse a block by columns if all is well, else its halves, and in the end a few lines one by one."""
        columns = self._parse_columns(block)
        numbers = range(block.first_line, block.first_line + block.num_lines)
        if columns is None or not self.keys.add_all(columns.keys, numbers):
            if block.num_lines <= _FEW_LINES:
                yield self._read_lines(block)
            else:
                for half in block.halves():
                    yield from self.read(half)
            return
        self.bad_rows.read(block.num_lines)
        self.num_features = columns.features.shape[1]
        lines = np.array(numbers, dtype=np.int64)
        yield self._batch(columns.keys, columns.labels, columns.verdicts, columns.features, lines)

    def _parse_columns(self, block: TextBlock) -> _Columns | None:
        """Parse a block whose every row is good; None if one is not (which one is found by `_read_lines`)."""
        try:
            table = _read_columns(block, self.layout)
            numbers = pc.split_pattern(table.column(self.layout.features).combine_chunks(), ",")
            values = numbers.values.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            return None
        keys = table.column(0).to_pylist()
        labels = pc.index_in(table.column(self.layout.class_name), value_set=self.name_array)
        width = np.diff(numbers.offsets.to_numpy())
        num_features = int(width[0]) if self.num_features is None and len(width) else self.num_features
        if table.num_rows != block.num_lines or labels.null_count or "" in keys or (width != num_features).any():
            return None
        verdicts = None
        if self.layout.verdict is not None:
            found = pc.index_in(table.column(self.layout.verdict), value_set=pa.array(list(_LABELS)))
            if found.null_count:
                return None
            verdicts = np.array(list(_LABELS.values()), dtype=np.int64)[found.to_numpy()]
        features = self._cast(values.reshape(-1, num_features))
        if not np.isfinite(features).all():
            return None
        return _Columns(keys, labels.to_numpy().astype(np.int64), verdicts, features)

    def _read_lines(self, block: TextBlock) -> FeatureBatch:
        """Parse line by line: report what is bad, keep what is good."""
        keys, labels, verdicts, rows, lines = [], [], [], [], []
        for line, raw in block.lines():
            self.bad_rows.read()
            try:
                row = parse_line(raw, self.layout, self.class_ids, self.num_features, self.dtype)
                self.keys.add(row.key, line)
            except BadRowError as error:
                self.bad_rows.add(self.path, line, error.kind, error.detail)
                continue
            self.num_features = len(row.features)
            keys.append(row.key)
            labels.append(row.given_label)
            verdicts.append(row.verification_label)
            rows.append(row.features)
            lines.append(line)
        features = np.array(rows, dtype=self.dtype).reshape(len(rows), self.num_features or 0)
        verdict_array = np.array(verdicts, dtype=np.int64) if self.layout.verdict is not None else None
        return self._batch(
            keys, np.array(labels, dtype=np.int64), verdict_array, features, np.array(lines, dtype=np.int64)
        )

    def _batch(
        self, keys: list[str], labels: IntArray, verdicts: IntArray | None, features: FloatArray, lines: IntArray
    ) -> FeatureBatch:
        """Make a batch without the rows of verification label -1."""
        batch = FeatureBatch(keys, features, labels, verdicts, lines)
        if verdicts is None:
            return batch
        keep = np.flatnonzero(verdicts != UNVERIFIED)
        self.bad_rows.leave_out("verification label -1", len(keys) - len(keep))
        return batch.where(keep)

    def _cast(self, values: FloatArray) -> FloatArray:
        """Round to the wanted type; too large a number becomes infinite and is found as such."""
        with np.errstate(over="ignore"):
            return values.astype(self.dtype)


def _read_columns(block: TextBlock, layout: Layout) -> pa.Table:
    """Split a block into columns of text; any irregular line raises `pyarrow.ArrowInvalid`."""
    names = [str(number) for number in range(layout.num_columns)]
    return pyarrow.csv.read_csv(
        pa.BufferReader(block.data),
        read_options=pyarrow.csv.ReadOptions(use_threads=False, column_names=names, block_size=len(block.data) + 1),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
