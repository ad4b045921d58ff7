"""Parquet files with the pictures in them, which `datasets` opens with an image and a class label column."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from noisette.data.exports.arrow_rows import iter_batches, schema
from noisette.data.exports.names import split_names
from noisette.data.exports.numbered import rename, write_numbered
from noisette.data.exports.records import ExportFacts, ExportJob, ExportSamples
from noisette.data.exports.shards import Entry

_COUNTED = ["label", "original_label", "label_quality", "sample_weight"]
"""Columns with least and greatest value a row group; of pictures they would be pictures."""


def write_parquet(job: ExportJob) -> ExportFacts:
    """Write ``<split>-00000-of-0000N.parquet`` with columns image, label, key, original_label, quality and weight."""
    names, shards = split_names(job.samples.splits), list[tuple[str, str]]()
    for split, name in names.items():
        shards += write_numbered(job, split, f"{name}-", ".parquet", partial(_write_shard, job.samples))
    rename(job.folder, shards)
    return ExportFacts(names)


def _write_shard(samples: ExportSamples, path: Path, entries: Iterator[Entry]) -> None:
    with pq.ParquetWriter(
        path,
        schema(samples),
        compression="zstd",
        compression_level=1,
        use_dictionary=["label", "original_label"],
        write_statistics=_COUNTED,
    ) as writer:
        for batch in iter_batches(samples, entries):
            writer.write_batch(batch, row_group_size=batch.num_rows)
