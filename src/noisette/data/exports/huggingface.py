"""A folder that `datasets.load_from_disk` opens, written without the package: Arrow streams and a few JSON files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from noisette.data.exports.arrow_rows import features, iter_batches, schema
from noisette.data.exports.names import split_names
from noisette.data.exports.numbered import rename, write_numbered
from noisette.data.exports.records import ExportFacts, ExportJob, ExportSamples
from noisette.data.exports.shards import Entry, num_written
from noisette.files import atomic_open


def write_huggingface(job: ExportJob) -> ExportFacts:
    """Write a `DatasetDict`: a folder a split, with columns image, label, key, original_label, quality and weight.

    The package `datasets` would write the whole first to a cache, and give a fingerprint of the hour.
    """
    names, shards = split_names(job.samples.splits), list[tuple[str, str]]()
    for split, name in names.items():
        part = write_numbered(job, split, f"{name}/data-", ".arrow", partial(_write_shard, job.samples))
        if part:
            _describe(job, name, [final for _, final in part])
        shards += part
    written = [name for split, name in names.items() if num_written(job, split)]
    _write_json(job.folder / "dataset_dict.json", {"splits": written})
    rename(job.folder, shards)
    return ExportFacts(names)


def _write_shard(samples: ExportSamples, path: Path, entries: Iterator[Entry]) -> None:
    with pa.ipc.new_stream(path, schema(samples)) as writer:
        for batch in iter_batches(samples, entries):
            writer.write_batch(batch)


def _describe(job: ExportJob, name: str, files: list[str]) -> None:
    folder = job.folder / name
    info = {"citation": "", "description": "", "features": features(job.samples), "homepage": "", "license": ""}
    _write_json(folder / "dataset_info.json", info)
    state: dict[str, Any] = {
        "_data_files": [{"filename": file.rpartition("/")[2]} for file in files],
        "_fingerprint": f"{job.fingerprint[:12]}-{name}",
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": name,
    }
    _write_json(folder / "state.json", state)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    with atomic_open(path) as file:
        json.dump(values, file, indent=2)
