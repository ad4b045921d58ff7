"""Lists of paths and class ids, which leave the pictures where they are."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from noisette.data.exports.journal import Failure, Shard
from noisette.data.exports.names import split_names
from noisette.data.exports.pictures import check_place, find_picture, is_own_file
from noisette.data.exports.records import ExportFacts, ExportJob
from noisette.data.images import BadImageError, shown
from noisette.errors import InvalidInputError
from noisette.files import atomic_open

_HEADER = ("path", "original_label", "label", "sample_weight", "label_quality", "split")
_REPORT_EVERY = 4096


def write_file_list(job: ExportJob) -> ExportFacts:
    """Write ``<split>.txt`` (path, tab, class id) and ``<split>.csv`` (paths, labels by name, weight, quality).

    Paths are relative to the root of the data set, so the lists are the same wherever that lies. Of each picture the
    first bytes are read, no more.

    Raises:
        InvalidInputError: a picture is no file of its own, so that no path leads to it.
    """
    _check_files(job)
    names, done = split_names(job.samples.splits), count(1)
    for split, name in names.items():
        if not job.journal.shards(split):
            job.journal.add(_write_split(job, split, name, done))
    return ExportFacts(names)


def _check_files(job: ExportJob) -> None:
    for rows in job.samples.splits.values():
        for row in rows.tolist():
            uri = job.samples.uris[row]
            if uri and not is_own_file(uri):
                raise InvalidInputError(
                    f"a file list names pictures by their paths, and {shown(uri)} is a piece of a larger file; "
                    "export as imagefolder, parquet, webdataset or huggingface, which hold the pictures"
                )


def _write_split(job: ExportJob, split: str, name: str, done: Iterator[int]) -> Shard:
    samples, failures, written = job.samples, list[Failure](), 0
    with (
        atomic_open(job.folder / f"{name}.txt") as text,
        atomic_open(job.folder / f"{name}.csv") as table,
    ):
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(_HEADER)
        for row in samples.splits[split].tolist():
            job.bad_rows.read()
            if (number := next(done)) % _REPORT_EVERY == 0:
                job.progress("export", number, samples.num_rows)
            try:
                path = _checked_path(samples.root, samples.uris[row])
            except BadImageError as error:
                failure = Failure(samples.keys[row], error.kind, error.detail)
                failures.append(failure)
                job.bad_rows.add(failure.place, None, failure.kind, failure.detail)
                continue
            text.write(f"{path}\t{samples.labels[row]}\n")
            writer.writerow((path, *_cells(job, row), split))
            written += 1
    if not written:
        for ending in ("txt", "csv"):
            (job.folder / f"{name}.{ending}").unlink()
    return Shard(split, samples.splits[split].size, written, f"{name}.txt" if written else "", tuple(failures))


def _checked_path(root: Path, uri: str) -> str:
    check_place(uri)
    if any(mark in uri for mark in "\t\n\r"):
        raise BadImageError("tab or line break in the path", repr(uri))
    find_picture(root, uri)
    return uri


def _cells(job: ExportJob, row: int) -> tuple[str, str, float, float | str]:
    samples = job.samples
    given, label = (samples.class_names[int(labels[row])] for labels in (samples.given_labels, samples.labels))
    quality = float(samples.label_quality[row])
    return given, label, float(samples.sample_weight[row]), "" if math.isnan(quality) else quality
