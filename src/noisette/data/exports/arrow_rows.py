"""The columns that Parquet and Hugging Face exports share, in batches of bounded size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pyarrow as pa

from noisette.data.exports.records import ExportSamples
from noisette.data.exports.shards import Entry

BATCH_ROWS = 100
BATCH_BYTES = 32 << 20
"""A batch (a row group of Parquet) ends with the row that reaches either; readers fetch one at a time."""


def features(samples: ExportSamples) -> dict[str, object]:
    """Describe the columns as Hugging Face `datasets` does."""
    label = {"names": list(samples.class_names), "_type": "ClassLabel"}
    number = {"dtype": "float64", "_type": "Value"}
    return {
        "image": {"_type": "Image"},
        "label": label,
        "key": {"dtype": "string", "_type": "Value"},
        "original_label": label,
        "label_quality": number,
        "sample_weight": number,
    }


def schema(samples: ExportSamples) -> pa.Schema:
    """Give the Arrow schema with the description of `features` in it."""
    described = json.dumps({"info": {"features": features(samples)}})
    return pa.schema(
        [
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("label", pa.int64()),
            ("key", pa.string()),
            ("original_label", pa.int64()),
            ("label_quality", pa.float64()),
            ("sample_weight", pa.float64()),
        ],
        metadata={"huggingface": described},
    )


def iter_batches(samples: ExportSamples, entries: Iterator[Entry]) -> Iterator[pa.RecordBatch]:
    """Yield record batches of `schema`; a label quality that is not known is null."""
    wanted = schema(samples)
    while waiting := list(_take(entries)):
        rows = np.array([entry.row for entry in waiting])
        keys = [samples.keys[row] for row in rows]
        pictures = [{"bytes": e.picture.data, "path": key} for e, key in zip(waiting, keys, strict=True)]
        columns = [
            pa.array(pictures, wanted.field("image").type),
            pa.array(samples.labels[rows]),
            pa.array(keys, pa.string()),
            pa.array(samples.given_labels[rows]),
            pa.array(samples.label_quality[rows], from_pandas=True),
            pa.array(samples.sample_weight[rows]),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=wanted)


def _take(entries: Iterator[Entry]) -> Iterator[Entry]:
    num_bytes = 0
    for entry in islice(entries, BATCH_ROWS):
        yield entry
        num_bytes += len(entry.picture.data)
        if num_bytes >= BATCH_BYTES:
            return
