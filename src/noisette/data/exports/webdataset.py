"""WebDataset shards: tar files in which a picture, its class id and a JSON of the rest follow each other."""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from noisette.data.exports.names import split_names
from noisette.data.exports.pictures import read_picture
from noisette.data.exports.records import ExportFacts, ExportJob, ExportSamples
from noisette.data.exports.shards import Entry, write_shards

_MODE = 0o644


def write_webdataset(job: ExportJob) -> ExportFacts:
    """Write ``<split>-000000.tar``, ...: ``000000012.jpg``, ``000000012.cls`` and ``000000012.json`` a sample.

    The number is the sample's place in its split. Headers hold no time, owner or name of a user.
    """
    samples, names = job.samples, split_names(job.samples.splits)
    for split, name in names.items():
        write_shards(
            job,
            split,
            lambda number, name=name: f"{name}-{number:06d}.tar",
            partial(_write_shard, samples, split),
            lambda row: read_picture(samples.root, samples.uris[row]),
        )
    return ExportFacts(names)


def _write_shard(samples: ExportSamples, split: str, path: Path, entries: Iterator[Entry]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for place, row, picture in entries:
            name = f"{place:09d}"
            _add(archive, name + picture.ending, picture.data)
            _add(archive, f"{name}.cls", b"%d" % samples.labels[row])
            _add(archive, f"{name}.json", _fields(samples, split, row))
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every member


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), _MODE, 0
    archive.addfile(member, io.BytesIO(data))


def _fields(samples: ExportSamples, split: str, row: int) -> bytes:
    quality = float(samples.label_quality[row])
    fields = {
        "key": samples.keys[row],
        "split": split,
        "label": int(samples.labels[row]),
        "class_name": samples.class_names[int(samples.labels[row])],
        "original_label": int(samples.given_labels[row]),
        "label_quality": None if math.isnan(quality) else quality,
        "sample_weight": float(samples.sample_weight[row]),
    }
    return json.dumps(fields, ensure_ascii=False).encode(errors="backslashreplace")
