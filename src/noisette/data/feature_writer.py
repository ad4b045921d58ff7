"""Feature rows with their labels as one Parquet file, for other programs and for `noisette init --features`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from noisette.data.batches import FeatureBatch
from noisette.errors import DataFileError
from noisette.files import atomic_path


def write_feature_file(path: str | Path, batches: Iterable[FeatureBatch]) -> int:
    """Write key, given_label (class id), verification_label where known, and features; give the number of rows.

    Args:
        path: the .parquet file.
        batches: rows; all with labels or all without, all of one width.

    Raises:
        DataFileError: there is no row.
    """
    path, rows = Path(path), 0
    with atomic_path(path) as temporary:
        writer: pq.ParquetWriter | None = None
        try:
            for batch in batches:
                block = _table(batch)
                if writer is None:
                    writer = pq.ParquetWriter(temporary, block.schema, compression="zstd", use_dictionary=False)
                writer.write_table(block)
                rows += len(batch.keys)
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise DataFileError(path, "no row could be used; nothing is written")
    return rows


def _table(batch: FeatureBatch) -> pa.Table:
    columns: dict[str, pa.Array] = {"key": pa.array(batch.keys, pa.string())}
    if batch.given_labels is not None:
        columns["given_label"] = pa.array(batch.given_labels, pa.int32())
    if batch.verification_labels is not None:
        columns["verification_label"] = pa.array(batch.verification_labels, pa.int8())
    flat = pa.array(np.ascontiguousarray(batch.features, dtype=np.float32).reshape(-1))
    columns["features"] = pa.FixedSizeListArray.from_arrays(flat, batch.features.shape[1])
    return pa.table(columns)
